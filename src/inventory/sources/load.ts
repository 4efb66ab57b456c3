/** Inventories of other tools, from their files or programs. What is read is data; a program runs only where it may. */
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf } from '../../errors.js'
import { loadSshConfig } from '../../openssh/ssh-config-load.js'
import { othersMayWrite } from '../../runtime/file-trust.js'
import { readBounded } from '../../runtime/read-file.js'
import type { HostSettings } from '../inventory.js'
import { readAnsible, sourceOf } from './ansible-files.js'
import { readInventoryJson } from './ansible-json.js'
import { AnsibleModel, NO_FILES } from './ansible-model.js'
import { outputOf, type CommandSurroundings } from './command.js'
import { readGenders } from './genders.js'
import { readHostList } from './host-list.js'
import { kindOf } from './recognise.js'
import { faultAt, type Kind, type Source } from './source.js'
import { hostsOfSshConfig } from './ssh-config.js'

const LARGEST_BYTES = 100_000_000
/** What the kind of a file is recognised by. */
const BEGINNING = 100_000

/** One inventory, as the configuration or `--inventory` says it. */
export type InventorySpec =
  | {
      readonly kind: Exclude<Kind, 'command'> | undefined
      /** Absolute. */
      readonly file: string
      readonly place: string
    }
  | {
      readonly kind: 'command'
      readonly argv: readonly string[]
      readonly cwd: string
      readonly ttlMs: number
      readonly timeoutMs?: number
      readonly place: string
    }

export interface SourceSurroundings extends CommandSurroundings {
  /** Why no program may be run, as the end of a sentence; null when it may. */
  readonly mayRun: () => Promise<string | null>
}

/** @throws XecError XEC_CONFIG `file:line: …`, or with the stderr of a program */
export async function loadSource(spec: InventorySpec, around: SourceSurroundings): Promise<Source> {
  if (spec.kind === 'command') return fromProgram(spec, around)
  const { file, place } = spec
  let looks
  try {
    looks = await looksOf(file)
  } catch (error) {
    const problem = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw faultAt(place, `cannot read the inventory ${file}: ${problem}`, error)
  }
  const kind = spec.kind ?? kindOf(looks)
  switch (kind) {
    case 'ansible':
      return ownPrograms(file, await readAnsible(file))
    case 'genders':
      return readGenders(file, looks.text)
    case 'hosts':
      return readHostList(file, looks.text)
    case 'sshConfig': {
      const { env, home } = around
      return hostsOfSshConfig(file, await loadSshConfig({ env, home, file }), file === `${home}/.ssh/config`)
    }
    case 'command':
      return fromProgram({ kind, argv: [file, '--list'], cwd: dirname(file), ttlMs: 0, place }, around)
  }
}

async function fromProgram(
  spec: Extract<InventorySpec, { kind: 'command' }>,
  around: SourceSurroundings,
): Promise<Source> {
  const why = await around.mayRun()
  if (why !== null) throw faultAt(spec.place, `the inventory program ${spec.argv[0] ?? ''} is not run: ${why}`)
  const { text, warnings } = await outputOf(spec, around)
  const model = new AnsibleModel()
  readInventoryJson(`${spec.place}: ${spec.argv.join(' ')}`, text, model)
  return sourceOf(model, NO_FILES, warnings)
}

async function looksOf(file: string) {
  const stats = await stat(file)
  const isDirectory = stats.isDirectory()
  const text = isDirectory ? '' : (await readBounded(file, { largest: LARGEST_BYTES })).bytes.toString('utf8')
  if (text.slice(0, BEGINNING).includes('\0')) throw new Error('it is not text')
  return { path: file, text, isDirectory, isExecutable: (stats.mode & 0o111) !== 0 }
}

/** A file that others may write to could have any program run. */
async function ownPrograms(file: string, source: Source): Promise<Source> {
  if (![...source.hosts.values()].some(({ proxyCommand }) => proxyCommand !== undefined)) return source
  const fault = othersMayWrite(file, await stat(file))
  if (fault === undefined) return source
  const refused = ([name, settings]: readonly [string, HostSettings]): [string, HostSettings] => {
    const { proxyCommand, ...rest } = settings
    if (proxyCommand === undefined) return [name, settings]
    const problem = `${proxyCommand.place}: its ProxyCommand is not run: a file that names programs must be yours or root's alone: ${fault}`
    return [name, { ...rest, faults: { ...rest.faults, proxyJump: problem } }]
  }
  return { ...source, hosts: new Map([...source.hosts].map(refused)) }
}
