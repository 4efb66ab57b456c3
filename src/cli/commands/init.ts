/** `xec init`: a commented xec.config.yaml to start from. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { foundIn } from '../../config/load.js'
import { messageOf } from '../../errors.js'
import { POOL_OPTIONS, POOL_OPTION_NAMES, type PoolOptionName } from '../../pool/options.js'
import type { CommandRunner } from '../command.js'
import { usage } from '../values.js'

export const CONFIG_FILE = 'xec.config.yaml'

export const init: CommandRunner = async (io) => {
  const path = join(io.cwd, CONFIG_FILE)
  const other = await foundIn(io.cwd)
  if (other && other.file !== path)
    throw usage(
      `${other.file} is the configuration here, and ${CONFIG_FILE} would be read in its place; it is left as it is`,
    )
  try {
    // Exclusively: also a dangling link or a file made this moment is left alone.
    await writeFile(path, starterConfig(), { flag: 'wx', mode: 0o644 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw usage(`${path} exists and is left as it is`)
    throw usage(`cannot write ${path}: ${messageOf(error)}`)
  }
  io.stdout.write(`wrote ${path}\nedit its hosts, then: xec hosts, xec ping, xec exec-all --all uptime\n`)
  return 0
}

/** The file's text: valid as it stands, with two hosts that nobody has. */
export function starterConfig(): string {
  return `# Hosts for xec, and how to reach them. \`xec hosts\` shows what this comes to.

hosts:
  # A name and an address; what is not said here comes from groups, defaults, then ~/.ssh/config.
  db1:
    host: db1.example.com
    # port: 22
    # username: postgres
    # proxyJump: bastion
  # A range makes several hosts at once, and {name} is each one's name.
  'web[01-02]':
    host: '{name}.example.com'
    # env: { ROLE: web }

groups:
  web: ['web[01-02]']
  # prod: { hosts: [db1], groups: [web], username: ops }

# For every host that does not say otherwise.
# defaults:
#   username: deploy
#   privateKey: ~/.ssh/id_ed25519
#   # A secret is named, not written: { env: NAME } or { command: [pass, show, ssh] }
#   passphrase: { env: SSH_KEY_PASSPHRASE }

# The connection pool, with its defaults. Durations have a unit; a bare number is milliseconds.
# pool:
${POOL_OPTION_NAMES.map(poolLine).join('\n')}
`
}

function poolLine(name: PoolOptionName): string {
  const { kind, default: value, doc } = POOL_OPTIONS[name]
  return `#   ${`${name}: ${kind === 'duration' && typeof value === 'number' ? inUnits(value) : value}`.padEnd(29)} # ${doc}`
}

function inUnits(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}
