/** The inventory for programs: the same files, the same selection and the same targets as on the command line. */
import { homedir } from 'node:os'
import type { ResolvedTarget } from '../inventory/resolve.js'
import type { PoolOptions } from '../pool/options.js'
import type { LoadInventoryOptions } from './load-options.js'
import { checkLoad } from './options.js'
import { requestOf, type Selection } from './selection.js'

export interface LoadedInventory {
  /** The file it came from; null when there was none, and every host is then given by address. */
  readonly source: string | null
  /** In the order of the file, ranges expanded. */
  readonly hosts: readonly string[]
  readonly groups: readonly string[]
  /** The file's pool options, for `new SSHAdapter({ connectionPool })`. */
  readonly pool: Partial<PoolOptions>
  /** What the command line would warn about. */
  readonly warnings: readonly string[]
  /**
   * Names, in the order of the inventory, each once. Without an argument: all.
   * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST, also when nothing is selected or asked for (`{}`, `{ hosts: [] }`); TypeError for what is no selection
   */
  select(selection?: Selection): readonly string[]
  /**
   * The hosts selected, resolved for dialling, for `$.all(…)` and `$.ssh(…)`. Their secrets are read now.
   * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST, before anything is dialled
   */
  targets(selection?: Selection): Promise<readonly ResolvedTarget[]>
  /** One host: a name of the inventory or of ssh_config, or an address. @throws as `targets` does */
  target(name: string): Promise<ResolvedTarget>
}

/** @throws XecError XEC_CONFIG with file:line:column for what is wrong in a file */
export async function loadInventory(options: LoadInventoryOptions = {}): Promise<LoadedInventory> {
  const { file, cwd = process.cwd(), env = process.env, sshConfig } = checkLoad(options)
  // What reads files is loaded by whoever has files.
  const { openInventory } = await import('../config/open.js')
  const open = await openInventory({ cwd, home: env['HOME'] || homedir(), env, file, sshConfig })
  const select = (selection: Selection = { all: true }): readonly string[] => open.select(requestOf(selection))
  const targets = async (names: readonly string[]): Promise<readonly ResolvedTarget[]> =>
    (await open.resolve(names, true)).targets
  return Object.freeze({
    source: open.source,
    hosts: Object.freeze([...open.inventory.hosts.keys()]),
    groups: Object.freeze([...open.inventory.groups.keys()]),
    pool: open.pool,
    warnings: open.warnings,
    select,
    targets: async (selection?: Selection) => targets(select(selection)),
    async target(name: string) {
      const [resolved] = await targets([name])
      // One name in, one target out.
      return resolved as ResolvedTarget
    },
  })
}
