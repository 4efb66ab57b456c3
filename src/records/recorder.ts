/**
 * An observer that writes a run down while it happens. The line `sent HOST` is on its way to the disk before the exec
 * request leaves: a host without one was not sent the command, whatever becomes of this process.
 */
import { hostname } from 'node:os'
import { messageOf } from '../errors.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { RunEvent, RunObserver } from '../run/events.js'
import { resultDocument, streamText } from '../run/report.js'
import type { Clock } from '../runtime/clock.js'
import { localUser } from '../runtime/local-user.js'
import type { PlaceOptions } from '../stats/place.js'
import { ownIdentity } from '../stats/process.js'
import { AppendFile, type Write } from './append-file.js'
import { lineText, type RecordLine, type RunRequest } from './format.js'
import { makeHistoryPlace, recordPath } from './place.js'
import { prune } from './retention.js'

/** As captured output is bounded: of a stream of a host, and of a run in all. */
const STREAM_BYTES = 10 * 1024 * 1024
const RUN_BYTES = 256 * 1024 * 1024
/** Past this much that is not on disk yet, hosts are held back. */
const BACKLOG = 4 * 1024 * 1024

export interface RecorderOptions extends PlaceOptions {
  readonly clock: Clock
  readonly cwd: string
  readonly config: string | null
  readonly request: RunRequest
  readonly rerunOf?: string | undefined
  readonly snapshot: () => PoolSnapshot
  /** How many bytes of the input were read, asked once the run is over; undefined when nobody knows. */
  readonly stdinBytes?: () => number | undefined
  /** Hears, at most once, why the run is not recorded. */
  readonly warn: (message: string) => void
  readonly limits?: { readonly streamBytes?: number; readonly runBytes?: number }
  readonly write?: Write
}

export interface Recorder {
  readonly observer: RunObserver
  /** Writes what is left, closes the record and throws away old ones. Never rejects. */
  stop(): Promise<void>
}

/** Touches nothing before the run has started. Never fails the run: what cannot be written is one warning. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, warn } = options
  let directory: string | undefined
  let id = ''
  const file = new AppendFile({
    clock,
    write: options.write,
    onGivenUp: (why) => warn(`this run is not recorded: ${why}`),
    async path() {
      directory = await makeHistoryPlace(options)
      return recordPath(directory, id)
    },
  })
  const append = (...lines: readonly RecordLine[]): Promise<void> => file.append(lines.map(lineText).join(''))
  const outputs = new Outputs(options.limits)
  let began = false

  const observer = (event: RunEvent): void | Promise<void> => {
    if (file.givenUp) return undefined
    switch (event.type) {
      case 'started':
        id = event.run
        began = true
        void append(runLine(options, event), { type: 'hosts', items: event.items })
        return undefined
      case 'sending':
        outputs.reset(event.item)
        return append({ type: 'sent', item: event.item, host: event.host, at: new Date(clock.wall()).toISOString() })
      case 'output': {
        const written = Promise.all(outputs.linesOf(event).map((line) => append(line)))
        return file.backlog > BACKLOG ? written.then(() => {}) : undefined
      }
      case 'result':
        void append({ type: 'result', item: event.item, host: event.host, result: resultDocument(event.result) })
        return undefined
      case 'finished': {
        const bytes = options.stdinBytes?.()
        if (bytes !== undefined) void append({ type: 'stdin', bytes })
        const { durationMs, ok, counts } = event.report
        void append(
          { type: 'pool', pool: options.snapshot() },
          { type: 'end', durationMs: Math.round(durationMs), ok, counts },
        )
        return undefined
      }
      case 'state':
        return undefined
    }
  }

  return {
    observer,
    async stop() {
      if (!began) return
      await file.close()
      if (file.givenUp || directory === undefined) return
      await prune(directory, clock.wall()).catch((error: unknown) =>
        warn(`old records in ${directory} could not be looked at: ${messageOf(error)}`),
      )
    },
  }
}

function runLine(
  { env, cwd, config, request, rerunOf }: RecorderOptions,
  { run: id, command, startedAt }: Extract<RunEvent, { type: 'started' }>,
): RecordLine {
  return {
    type: 'run',
    schemaVersion: 1,
    id,
    command,
    startedAt,
    user: localUser(env),
    machine: hostname(),
    cwd,
    config,
    request,
    rerunOf: rerunOf ?? null,
    ...ownIdentity(),
  }
}

/** How much of each stream has been stored. */
class Outputs {
  readonly #stored = new Map<string, number>()
  #total = 0

  constructor(private readonly limits: { readonly streamBytes?: number; readonly runBytes?: number } = {}) {}

  /** The command is sent again: what it wrote before is void. */
  reset(item: number): void {
    for (const stream of ['stdout', 'stderr']) this.#stored.delete(`${item} ${stream}`)
  }

  linesOf({ item, host, stream, chunk }: Extract<RunEvent, { type: 'output' }>): RecordLine[] {
    const { streamBytes = STREAM_BYTES, runBytes = RUN_BYTES } = this.limits
    const key = `${item} ${stream}`
    const before = this.#stored.get(key) ?? 0
    if (before === Infinity || chunk.length === 0) return []
    const room = Math.min(streamBytes - before, runBytes - this.#total)
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk
    this.#total += kept.length
    this.#stored.set(key, kept.length < chunk.length ? Infinity : before + kept.length)
    return [
      ...(kept.length > 0 ? [{ type: 'output' as const, item, host, stream, ...streamText(kept) }] : []),
      ...(kept.length < chunk.length ? [{ type: 'cut' as const, item, host, stream }] : []),
    ]
  }
}
