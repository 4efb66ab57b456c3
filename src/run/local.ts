/** A run in this process: each item stands for a target and a command, and an executor carries them out. */
import { encodeCommand } from '../adapter/command.js'
import type { Command, Executor } from '../adapter/types.js'
import { isXecError, XecError } from '../errors.js'
import type { PoolTarget } from '../pool/types.js'
import { addressOf } from '../runtime/address.js'
import type { Dispatcher, RunItem } from './dispatcher.js'

/** A target and its command. Each host has a command of its own, because its environment may differ. */
export interface HostCommand {
  readonly target: PoolTarget
  readonly command: Command
}

/** The items of a run over `targets`, in their order. */
export function itemsFor(targets: readonly PoolTarget[]): readonly RunItem[] {
  return targets.map((target, index) => ({ id: index + 1, host: target.host, address: addressOf(target) }))
}

/** The items and the dispatcher of a run whose commands this process executes. */
export function localRun(
  executor: Executor,
  commands: readonly HostCommand[],
): { readonly items: readonly RunItem[]; readonly dispatcher: Dispatcher } {
  const commandOf = ({ id }: RunItem): HostCommand => {
    const found = commands[id - 1]
    if (!found) throw new Error(`bug: the run has no item ${id}`)
    return found
  }
  return {
    items: itemsFor(commands.map(({ target }) => target)),
    dispatcher: {
      check: (item) => checkCommand(item.host, commandOf(item).command),
      dispatch(item, options) {
        const { target, command } = commandOf(item)
        return executor.execute(target, command, options)
      },
    },
  }
}

function checkCommand(host: string, command: Command): void {
  try {
    encodeCommand(command)
  } catch (error) {
    if (!isXecError(error)) throw error
    throw new XecError(error.code, `${host}: ${error.message}`, { host, phase: error.phase, cause: error })
  }
}
