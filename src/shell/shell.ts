/** `$`: where contexts come from. */
import type { Dispatcher } from '../run/dispatcher.js'
import { sshContext, type SshContext } from './context.js'
import { resolveTarget, type SshTarget } from './target.js'

export interface Shell<A extends Dispatcher> {
  /** There is no local shell behind this. @throws TypeError always; use `$.ssh(target)` */
  (strings: TemplateStringsArray, ...values: unknown[]): never
  /**
   * A context for a host: `'[user@]host[:port]'` or an object. Opens nothing.
   * @throws XecError XEC_CONFIG for a target that cannot be one
   */
  ssh(target: SshTarget): SshContext
  /** The same on another adapter, so on that adapter's pool. */
  with(options: { readonly adapter?: A }): Shell<A>
  readonly adapter: A
}

/** @param adapter asked at every use, so that importing the package makes nothing */
export function createShell<A extends Dispatcher>(adapter: () => A): Shell<A> {
  const shell = (): never => {
    throw new TypeError('$`…` runs nothing by itself: say where, with const ssh = $.ssh(target), then ssh`…`')
  }
  return Object.defineProperties(shell, {
    ssh: {
      value: (target: SshTarget) => {
        const { target: resolved, env } = resolveTarget(target)
        return sshContext(adapter, resolved, env ? { env } : {})
      },
    },
    with: { value: ({ adapter: own }: { readonly adapter?: A }) => createShell(own ? () => own : adapter) },
    adapter: { get: adapter },
  }) as unknown as Shell<A>
}
