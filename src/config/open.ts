/** Configuration, inventory and ssh_config, read once and asked many times: what the command line and the library share. */
import { XecError } from '../errors.js'
import type { Inventory } from '../inventory/inventory.js'
import { checkHost } from '../inventory/outside.js'
import { resolveTargets, type HostOverrides, type ResolvedTarget } from '../inventory/resolve.js'
import { select, type SelectionRequest, type SelectionSources } from '../inventory/selector.js'
import { MatchCommands } from '../openssh/match-exec.js'
import { loadSshConfig } from '../openssh/ssh-config-load.js'
import type { PoolOptions } from '../pool/options.js'
import { localUser } from '../runtime/local-user.js'
import { loadConfig } from './load.js'

export interface OpenOptions {
  readonly cwd: string
  readonly home: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** The configuration file, in place of the search. */
  readonly file?: string
  /** Inventories of other tools, in place of those of the configuration; its own hosts stand beside them. */
  readonly inventories?: readonly string[]
  /** In place of ssh's usual two files; `none` for no file. */
  readonly sshConfig?: string
  /** Wins over every layer of the inventory. */
  readonly overrides?: HostOverrides
}

export interface OpenInventory {
  /** The configuration's file; null when none was found. */
  readonly source: string | null
  readonly inventory: Inventory
  /** The configuration's. */
  readonly pool: Partial<PoolOptions>
  /** Whether a record is kept of each run. */
  readonly history: boolean
  readonly warnings: readonly string[]
  /** @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST; also when nothing is selected */
  select(request: SelectionRequest, sources?: SelectionSources): readonly string[]
  /**
   * @param secrets false for what only looks: no secret is read, no program run for one
   * @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST
   */
  resolve(
    names: readonly string[],
    secrets: boolean,
  ): Promise<{ readonly targets: readonly ResolvedTarget[]; readonly warnings: readonly string[] }>
}

/** @throws XecError XEC_CONFIG for a file that is not usable */
export async function openInventory({
  cwd,
  home,
  env,
  file,
  inventories,
  sshConfig,
  overrides = {},
}: OpenOptions): Promise<OpenInventory> {
  const { source, inventory, pool, history, warnings, trust } = await loadConfig({ cwd, home, env, file, inventories })
  const ssh = await loadSshConfig({ home, env, file: sshConfig })
  const commands = new MatchCommands(env)
  return {
    source,
    inventory,
    pool,
    history,
    warnings,
    select(request, sources) {
      // Who names no host means the inventory's, and wants to know which inventory that is.
      if (inventory.hosts.size === 0 && (request.hosts ?? []).length === 0 && (sources?.names ?? []).length === 0)
        throw new XecError(
          'XEC_CONFIG',
          source === null
            ? 'no hosts: no xec.config.yaml was found from here upwards (xec init writes one)'
            : `no hosts: ${source} defines none`,
          { phase: 'select' },
        )
      return select(inventory, request, (name) => void checkHost(name, inventory, ssh), ssh.hosts, sources)
    },
    resolve: (names, secrets) =>
      resolveTargets(names, {
        inventory,
        ssh,
        commands,
        trust,
        overrides,
        env,
        home,
        user: localUser(env),
        secrets,
        pool,
      }),
  }
}
