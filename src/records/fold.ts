/**
 * A record's lines become a report. Of a run whose process is gone before its end: what was sent and has no result is
 * `lost`, executed maybe; the rest was never started and is `skipped`. Pure.
 */
import { neverSent } from '../adapter/execute.js'
import type { Result } from '../adapter/types.js'
import { XecError } from '../errors.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { RunItem } from '../run/dispatcher.js'
import type { Report } from '../run/events.js'
import { countOutcomes, type HostDocument } from '../run/report.js'
import { bytesOf, type EndLine, type RecordLine, type RunLine, type StoredResult } from './format.js'

export interface RunRecord {
  readonly head: RunLine
  /** `interrupted`: its process went away before its end. */
  readonly state: 'running' | 'ended' | 'interrupted'
  readonly items: readonly RunItem[]
  /** Every host of a run that is over; of a running one those that have ended. In the order of the items. */
  readonly report: Report
  /** Hosts of a running run that have not ended. */
  readonly open: readonly { readonly host: string; readonly sent: boolean }[]
  /** As the run ended; null when it did not. */
  readonly pool: PoolSnapshot | null
  /** Whether the hosts were sent an input, which is not stored. */
  readonly stdin: boolean
}

interface ItemState {
  sent: boolean
  stdout: Buffer[]
  stderr: Buffer[]
  cut: boolean
  result: StoredResult | null
}

/** Takes lines one by one, so that a record need not stand in memory as text. */
export class RecordFold {
  #head: RunLine | null = null
  #items: readonly RunItem[] = []
  readonly #states = new Map<number, ItemState>()
  #end: EndLine | null = null
  #pool: PoolSnapshot | null = null
  #stdinBytes: number | null = null
  #damaged = false

  /** The first line; null before it, and for a file that is no record. */
  get head(): RunLine | null {
    return this.#head
  }

  get ended(): boolean {
    return this.#end !== null
  }

  /** Something in the middle cannot be read: who has no line there may have had one. */
  damage(): void {
    this.#damaged = true
  }

  add(line: RecordLine): void {
    switch (line.type) {
      case 'run':
        this.#head ??= line
        return
      case 'hosts':
        this.#items = line.items
        return
      case 'sent':
        this.#states.set(line.item, { ...newState(), sent: true })
        return
      case 'output':
        this.#of(line.item)[line.stream].push(bytesOf(line))
        return
      case 'cut':
        this.#of(line.item).cut = true
        return
      case 'result':
        this.#of(line.item).result = line.result
        return
      case 'stdin':
        this.#stdinBytes = line.bytes
        return
      case 'pool':
        this.#pool = line.pool
        return
      case 'end':
        this.#end = line
        return
    }
  }

  /**
   * @param alive whether the process that writes the record is still there
   * @param lastMs when the last line was written, in ms since the epoch
   */
  finish(alive: boolean, lastMs: number): RunRecord | undefined {
    const head = this.#head
    if (!head) return undefined
    const state = this.#end ? 'ended' : alive ? 'running' : 'interrupted'
    const results: Result[] = []
    const open: { host: string; sent: boolean }[] = []
    for (const item of this.#items) {
      const found = this.#states.get(item.id) ?? newState()
      if (found.result) results.push(resultOf(found.result, found))
      else if (state === 'running') open.push({ host: item.host, sent: found.sent })
      else results.push(this.#unsettled(item, found))
    }
    const counts = countOutcomes(results)
    return {
      head,
      state,
      items: this.#items,
      report: {
        id: head.id,
        command: head.command,
        startedAt: head.startedAt,
        durationMs: this.#end?.durationMs ?? Math.max(0, lastMs - Date.parse(head.startedAt)),
        ok: open.length === 0 && counts.ok === counts.total,
        counts,
        results,
      },
      open,
      pool: this.#pool,
      stdin: head.request.stdin === 'sent' || (head.request.stdin === 'perhaps' && (this.#stdinBytes ?? Infinity) > 0),
    }
  }

  #of(item: number): ItemState {
    let found = this.#states.get(item)
    if (!found) this.#states.set(item, (found = newState()))
    return found
  }

  #unsettled({ host, address }: RunItem, state: ItemState): Result {
    if (!state.sent && !this.#damaged) {
      const why = `${host}: skipped: xec was gone before its turn; the command was not started there`
      return neverSent({ host, address }, 'skipped', new XecError('XEC_ABORTED', why, { host, phase: 'queue' }))
    }
    const why = state.sent
      ? `${host}: xec was gone before the command ended; it may have run, or be running`
      : `${host}: the record is damaged, so that nobody knows whether the command was sent`
    const error = new XecError('XEC_CONNECTION_LOST', why, { host, executed: 'maybe' })
    return {
      ...neverSent({ host, address }, 'lost', error),
      executed: 'maybe',
      remoteProcess: 'maybe-running',
      stdout: Buffer.concat(state.stdout),
      stderr: Buffer.concat(state.stderr),
      truncated: state.cut,
    }
  }
}

function newState(): ItemState {
  return { sent: false, stdout: [], stderr: [], cut: false, result: null }
}

function resultOf({ error, truncated, ...stored }: StoredResult, { stdout, stderr, cut }: ItemState): Result {
  return {
    ...stored,
    ok: stored.outcome === 'ok',
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr),
    truncated: truncated || cut,
    error: error && errorOf(stored.host, error),
  }
}

function errorOf(host: string, { code, message, phase, executed }: NonNullable<HostDocument['error']>): XecError {
  return new XecError(code, message, { host, phase, executed })
}
