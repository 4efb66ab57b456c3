/** `xec init`: a commented xec.config.yaml to start from, or one with the hosts of another tool's inventory. */
import { stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadSpecs } from '../../config/inventories.js'
import { holdsPassword, writeSource } from '../../config/write.js'
import { othersMayWrite } from '../../runtime/file-trust.js'
import type { Io } from '../io.js'
import { foundIn } from '../../config/load.js'
import { messageOf } from '../../errors.js'
import { POOL_OPTIONS, POOL_OPTION_NAMES, type PoolOptionName } from '../../pool/options.js'
import type { CommandRunner } from '../command.js'
import { usage } from '../values.js'

export const CONFIG_FILE = 'xec.config.yaml'

/** The words of `--from`, and the kinds that they stand for. */
const FROM = {
  ansible: 'ansible',
  genders: 'genders',
  hosts: 'hosts',
  'ssh-config': 'sshConfig',
  command: 'command',
} as const

export const init: CommandRunner = async (io, { options, operands }) => {
  const [from] = operands
  if (options.from === undefined && from !== undefined)
    throw usage(`${from}: say what kind of inventory it is, as in: xec init --from ansible ${from}`)
  if (options.from !== undefined && from === undefined)
    throw usage(`--from ${options.from} needs a file behind it, as in: xec init --from ${options.from} FILE`)
  const path = join(io.cwd, CONFIG_FILE)
  const other = await foundIn(io.cwd)
  if (other && other.file !== path)
    throw usage(
      `${other.file} is the configuration here, and ${CONFIG_FILE} would be read in its place; it is left as it is`,
    )
  const { text, mode } =
    from === undefined ? { text: starterConfig(), mode: 0o644 } : await converted(io, options.from ?? '', from)
  try {
    // Exclusively: also a dangling link or a file made this moment is left alone.
    await writeFile(path, `${schemaLine(io.cwd)}\n${text}`, { flag: 'wx', mode })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw usage(`${path} exists and is left as it is`)
    throw usage(`cannot write ${path}: ${messageOf(error)}`)
  }
  const edit = from === undefined ? 'edit its hosts, then' : 'next'
  io.stdout.write(`wrote ${path}\n${edit}: xec hosts, xec ping, xec exec-all --all uptime\n`)
  return 0
}

/** For editors: the schema in this package, relative where the package is in the project. */
export function schemaLine(cwd: string): string {
  const schema = fileURLToPath(new URL('../../../xec.schema.json', import.meta.url))
  const way = relative(cwd, schema)
  return `# yaml-language-server: $schema=${way.startsWith('..') ? schema : way}`
}

/** A configuration with the hosts of another tool's inventory. @throws XecError XEC_CONFIG, as reading it does */
async function converted(
  io: Io,
  from: string,
  given: string,
): Promise<{ readonly text: string; readonly mode: number }> {
  const kind = FROM[from as keyof typeof FROM]
  const file = resolve(io.cwd, given)
  const mayRun = async (): Promise<string | null> => {
    const fault = othersMayWrite(file, await stat(file))
    return fault === undefined ? null : `a program must be yours or root's alone: ${fault}`
  }
  const spec =
    kind === 'command'
      ? ({ kind, argv: [file, '--list'], cwd: dirname(file), ttlMs: 0, place: given } as const)
      : { kind, file, place: `--from ${from}` }
  const source = await loadSpecs([spec], { env: io.env, home: io.home, mayRun })
  for (const warning of source.warnings) io.stderr.write(`xec: warning: ${warning}\n`)
  const head = `# Hosts for xec, made from ${given} (${from}). \`xec hosts\` shows what this comes to.\n\n`
  return { text: head + writeSource(source), mode: holdsPassword(source) ? 0o600 : 0o644 }
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
