/** Where every host of a run stands, from its events alone. What the live view is drawn from. */
import type { Outcome } from '../../adapter/types.js'
import type { HostState, RunEvent } from '../../run/events.js'
import { reasonOf } from '../../run/fold.js'
import { LastLine } from './last-line.js'
import { sanitizeLine } from './sanitize.js'

export type RowState = HostState | Outcome

export interface Row {
  /** Sanitised. */
  readonly host: string
  readonly state: RowState
  /** Monotonic ms: when this state began. */
  readonly since: number
  /** How long the host took in all, once it has its outcome. */
  readonly tookMs: number | null
  /** The last line of output, or the reason of a failure. */
  readonly text: string
}

interface Entry {
  readonly name: string
  state: RowState
  since: number
  begun: number
  tookMs: number | null
  reason: string
  readonly last: LastLine
}

const UNDER_WAY = new Set<RowState>(['queued', 'connecting', 'running'] satisfies HostState[])

export function isUnderWay(state: RowState): state is HostState {
  return UNDER_WAY.has(state)
}

export class Board {
  readonly #entries = new Map<string, Entry>()
  readonly #counts = new Map<RowState, number>()

  /** Monotonic `now` in ms; the event belongs to this moment. */
  apply(event: RunEvent, now: number): void {
    switch (event.type) {
      case 'started':
        for (const { host } of event.items) this.#entry(host, now)
        return
      case 'state': {
        const entry = this.#entry(event.host, now)
        if (isUnderWay(entry.state)) this.#move(entry, event.state, now)
        return
      }
      case 'output':
        this.#entry(event.host, now).last.push(event.chunk)
        return
      case 'result': {
        const entry = this.#entry(event.host, now)
        if (!isUnderWay(entry.state)) return
        if (event.result.outcome !== 'ok') entry.reason = sanitizeLine(reasonOf(event.result))
        entry.tookMs = now - entry.begun
        this.#move(entry, event.result.outcome, now)
        return
      }
      case 'sending':
      case 'finished':
        return
    }
  }

  get total(): number {
    return this.#entries.size
  }

  count(state: RowState): number {
    return this.#counts.get(state) ?? 0
  }

  /** The states of all hosts, in the order they were named: cheap, no text is made. */
  *states(): Generator<{ readonly host: string; readonly state: RowState; readonly since: number }> {
    for (const [host, { state, since }] of this.#entries) yield { host, state, since }
  }

  row(host: string): Row | undefined {
    const entry = this.#entries.get(host)
    return (
      entry && {
        host: entry.name,
        state: entry.state,
        since: entry.since,
        tookMs: entry.tookMs,
        text: entry.reason === '' ? entry.last.toString() : entry.reason,
      }
    )
  }

  #entry(host: string, now: number): Entry {
    let entry = this.#entries.get(host)
    if (!entry) {
      entry = {
        name: sanitizeLine(host),
        state: 'queued',
        since: now,
        begun: now,
        tookMs: null,
        reason: '',
        last: new LastLine(),
      }
      this.#entries.set(host, entry)
      this.#counts.set('queued', this.count('queued') + 1)
    }
    return entry
  }

  #move(entry: Entry, state: RowState, now: number): void {
    if (entry.state === state) return
    // What a host took is counted from when something was done for it, not from when it was named.
    if (entry.state === 'queued') entry.begun = now
    this.#counts.set(entry.state, this.count(entry.state) - 1)
    this.#counts.set(state, this.count(state) + 1)
    entry.state = state
    entry.since = now
  }
}
