/**
 * What happens, for whoever traces this process (`node:diagnostics_channel`): every event of a pool on `xec:pool:TYPE`,
 * every command on the tracing channel `xec:command`. Where nobody listens, it costs a look at a flag.
 */
import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { PoolEvent } from '../pool/metrics/events.js'
import type { Pool, PoolTarget } from '../pool/types.js'
import type { Command, Result } from './types.js'

/** What the subscribers of `xec:command` get; `result` at `asyncEnd`, `error` when the command could not be tried at all. */
export interface CommandTrace {
  readonly host: string
  readonly line: string
  result?: Result
  error?: unknown
}

const commands = tracingChannel<unknown, CommandTrace>('xec:command')
const channels = new Map<string, ReturnType<typeof channel>>()

export function publishEvents(pool: Pick<Pool, 'subscribe'>): void {
  pool.subscribe((event: PoolEvent) => {
    let to = channels.get(event.type)
    if (!to) channels.set(event.type, (to = channel(`xec:pool:${event.type}`)))
    if (to.hasSubscribers) to.publish(event)
  })
}

export function traced(target: PoolTarget, command: Command, run: () => Promise<Result>): Promise<Result> {
  return commands.hasSubscribers ? commands.tracePromise(run, { host: target.host, line: command.line }) : run()
}
