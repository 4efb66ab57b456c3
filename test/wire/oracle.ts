/** Which commands really ran, told by the host: each appends its name to one file, in one write. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Oracle {
  /** A command line that first leaves its name, then does the rest. */
  line(id: string, rest?: string): string
  /** How often each name was left so far. */
  runs(): ReadonlyMap<string, number>
  remove(): void
}

export function makeOracle(): Oracle {
  const dir = mkdtempSync(join(tmpdir(), 'xec-oracle-'))
  const file = join(dir, 'ran')
  writeFileSync(file, '')
  chmodSync(dir, 0o711)
  // The user whom sshd logs in is another one.
  chmodSync(file, 0o666)
  return {
    line: (id, rest = ':') => `echo ${id} >>${file}; ${rest}`,
    runs() {
      const counts = new Map<string, number>()
      for (const id of readFileSync(file, 'utf8').split('\n')) if (id) counts.set(id, (counts.get(id) ?? 0) + 1)
      return counts
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}
