/** `$`: where contexts come from. */
import type { ResolvedTarget } from '../inventory/resolve.js'
import { checkNames, shown } from './check.js'
import { sshContext, type SshContext } from './context.js'
import { SETTING_NAMES } from './options.js'
import { runContext, type RunContext } from './run-context.js'
import type { RunOptions } from './run-options.js'
import type { RunAdapter } from './run-promise.js'
import { resolveTarget, type SshTarget } from './target.js'

/** A host as a program gives it, or as `loadInventory` resolved it. */
export type AnyTarget = SshTarget | Pick<ResolvedTarget, 'target' | 'env'>

export interface Shell<A extends RunAdapter> {
  /** There is no local shell behind this. @throws TypeError always; use `$.ssh(target)` */
  (strings: TemplateStringsArray, ...values: unknown[]): never
  /**
   * A context for a host: `'[user@]host[:port]'`, an object, or a target of an inventory. Opens nothing.
   * @throws XecError XEC_CONFIG for a target that cannot be one
   */
  ssh(target: AnyTarget): SshContext
  /**
   * A context for many hosts: each command goes to all of them, `fanout` at a time, and gives a report. Opens nothing.
   * @throws XecError XEC_CONFIG for a target that cannot be one
   */
  all(targets: readonly AnyTarget[], options?: RunOptions): RunContext
  /** The same on another adapter, so on that adapter's pool. */
  with(options: { readonly adapter?: A | undefined }): Shell<A>
  readonly adapter: A
}

/** @param adapter asked at every use, so that importing the package makes nothing */
export function createShell<A extends RunAdapter>(adapter: () => A): Shell<A> {
  const shell = (): never => {
    throw new TypeError('$`…` runs nothing by itself: say where, with const ssh = $.ssh(target), then ssh`…`')
  }
  return Object.defineProperties(shell, {
    ssh: {
      value: (target: AnyTarget) => {
        const { target: resolved, env } = resolveAny(target)
        return sshContext(adapter, resolved, Object.keys(env).length > 0 ? { env } : {})
      },
    },
    all: {
      value: (targets: readonly AnyTarget[], options: RunOptions = {}) => {
        if (!Array.isArray(targets)) throw new TypeError('$.all takes an array of targets; one host is $.ssh(target)')
        return runContext(
          adapter,
          targets.map((target: AnyTarget) => resolveAny(target)),
          options,
        )
      },
    },
    with: {
      value: (options: { readonly adapter?: A | undefined }) => {
        checkNames(
          'option',
          options,
          ['adapter'],
          Object.fromEntries(
            SETTING_NAMES.map((name) => [
              name,
              { instead: 'settings of commands go to a context: $.ssh(target).with({ … })' },
            ]),
          ),
        )
        const { adapter: own } = options
        if (own !== undefined && typeof own?.execute !== 'function')
          throw new TypeError(`adapter must be an SSHAdapter, not ${shown(own)}`)
        return createShell(own ? () => own : adapter)
      },
    },
    adapter: { get: adapter },
  }) as unknown as Shell<A>
}

function resolveAny(given: AnyTarget): Pick<ResolvedTarget, 'target' | 'env'> {
  if (typeof given === 'object' && given !== null && 'target' in given) return given
  const { target, env = {} } = resolveTarget(given)
  return { target, env }
}
