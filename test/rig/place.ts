/** A place for one test: its own HOME, XDG dirs, known_hosts and environment, so that nobody's real files matter. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Place {
  readonly home: string
  /** `~/.ssh/known_hosts` of the place; does not exist yet. */
  readonly knownHosts: string
  /** For child processes: PATH, and HOME, XDG_* inside the place; no agent, no XEC_*, no terminal colours. */
  readonly env: Readonly<Record<string, string>>
  /** A path inside. */
  path(...names: string[]): string
  /** Removes it. */
  remove(): void
}

export function makePlace(): Place {
  const home = mkdtempSync(join(tmpdir(), 'xec-home-'))
  const xdg = {
    XDG_CONFIG_HOME: join(home, '.config'),
    XDG_STATE_HOME: join(home, '.state'),
    XDG_CACHE_HOME: join(home, '.cache'),
    XDG_RUNTIME_DIR: join(home, '.run'),
  }
  for (const dir of [...Object.values(xdg), join(home, '.ssh')]) mkdirSync(dir, { mode: 0o700 })
  return {
    home,
    knownHosts: join(home, '.ssh', 'known_hosts'),
    env: { HOME: home, PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', TERM: 'dumb', NO_COLOR: '1', ...xdg },
    path: (...names) => join(home, ...names),
    remove: () => rmSync(home, { recursive: true, force: true }),
  }
}
