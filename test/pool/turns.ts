/**
 * The laws that speak of a time, 13 and 14, for every test that uses Sim. Both keep a record of their own of who waits
 * since when, and read of the pool what anybody can see: who waits, what is open, what runs on it since when.
 */
import type { ConnectionView, QueueView } from '../../src/pool/policy/view.js'
import type { PoolEvent } from '../../src/pool/metrics/events.js'
import { TIME_SLICE_GRANTS, TIME_SLICE_MS } from '../../src/pool/policy/fairness.js'
import type { ConnectionPool } from '../../src/pool/pool.js'
import { law } from './invariants.js'

/**
 * Law 13: while a queue without a connection waits for a slot, another is dialled once before it is its turn. Twice if it
 * is the one for which an open jump host had its room; and once more for each other user of the same host, whose turn there
 * comes first. While one that has a connection waits for another, the same holds for those that have one, too.
 */
export class Turns {
  readonly #passed = new Map<
    QueueView,
    { readonly since: number; readonly served: boolean; readonly by: Map<QueueView, number> }
  >()

  constructor(private readonly pool: ConnectionPool) {}

  dialled(event: PoolEvent): void {
    const { state } = this.pool
    const dialled = [...state.connections].find(({ id }) => id === event.connection)
    const waiting = [...state.slotWaitlists.firstSlot, ...state.slotWaitlists.moreSlot]
    for (const queue of this.#passed.keys()) if (!waiting.includes(queue)) this.#passed.delete(queue)
    if (!dialled) return
    const another = count(dialled.queue.connections, (each) => each !== dialled && each.serves) > 0
    for (const queue of waiting) {
      const { served, lackingSince: since } = queue
      if (served && !another) continue
      let passed = this.#passed.get(queue)
      if (!passed || passed.since !== since || passed.served !== served)
        this.#passed.set(queue, (passed = { since, served, by: new Map() }))
      const times = (passed.by.get(dialled.queue) ?? 0) + 1
      passed.by.set(dialled.queue, times)
      law(
        13,
        times <= 1 + queue.endpoint.queues.size,
        () => `${dialled.queue.target.host} was dialled ${times} times while ${queue.target.host} waited in the ring`,
      )
    }
  }
}

/** What keeps a stranger out: a pool without a free slot, or a host without room for another user. */
type Wall = 'pool' | 'endpoint'

/**
 * Law 14: a stranger waits no longer than a quantum before a connection that has had its own is given up for it; nothing is
 * given up sooner, nor for nobody; and it is the one that is likely to be gone first.
 */
export class Quanta {
  /** Who has been kept out without a break, by what, since when and since how many grants. */
  readonly #since = new Map<QueueView, { readonly by: Wall; readonly at: number; readonly grants: number }>()
  /** How many connections were given up: a law that nothing comes under is not checked. */
  seen = 0

  constructor(private readonly pool: ConnectionPool) {}

  /** After every step: nobody's quantum is over while something could be given up, and nothing is. */
  check(now: number): void {
    const { state } = this.pool
    const kept: { readonly queue: QueueView; readonly by: Wall; readonly over: boolean }[] = []
    for (const queue of state.registry.queues.values()) {
      const by = this.#keptOut(queue, now)
      if (!by) {
        this.#since.delete(queue)
        continue
      }
      let since = this.#since.get(queue)
      if (since?.by !== by) this.#since.set(queue, (since = { by, at: now, grants: state.grants }))
      // Timers are of whole milliseconds. A host's users take turns by the clock alone.
      kept.push({
        queue,
        by,
        over:
          now - since.at >= TIME_SLICE_MS + 1 || (by === 'pool' && state.grants - since.grants >= TIME_SLICE_GRANTS),
      })
    }
    const atPool = kept.filter(({ by, over }) => over && by === 'pool').length
    for (const { queue, by, over } of kept) {
      if (!over) continue
      const among = by === 'pool' ? state.connections : queue.endpoint.connections
      if (
        count(among, (each) => each.freeing || (each.state === 'draining' && each.preemptedUntil > now)) >=
        (by === 'pool' ? atPool : 1)
      )
        continue
      for (const each of among)
        law(
          14,
          !hadTurn(each, now),
          () =>
            `${queue.target.host} waits longer than a quantum, and connection ${each.id} to ${each.queue.target.host} is not given up`,
        )
    }
  }

  /** A dial starts: whoever it is for has got its room. */
  dialled(event: PoolEvent): void {
    for (const connection of this.pool.state.connections)
      if (connection.id === event.connection) this.#since.delete(connection.queue)
  }

  /** A dial failed: until its host is dialled again it is not the pool that keeps anybody out there. */
  failed(event: PoolEvent): void {
    for (const queue of this.#since.keys())
      if (queue.endpoint.notBefore > event.at && queue.target.host === event.host) this.#since.delete(queue)
  }

  /** When a connection is given up. */
  given(event: PoolEvent & { readonly type: 'draining' }): void {
    const { state } = this.pool
    const now = event.at
    const given = [...state.connections].find(({ id }) => id === event.connection)
    if (!given) throw new Error(`connection ${event.connection} drains, and the pool does not have it`)
    this.seen++
    law(
      14,
      given.grants > 0 &&
        given.carried.size === 0 &&
        (given.grants >= TIME_SLICE_GRANTS || now >= given.openedAt + TIME_SLICE_MS),
      () => `connection ${given.id} is given up after ${given.grants} grants and ${now - given.openedAt} ms`,
    )
    const waited = ({ lackingSince, lackingSinceGrants }: QueueView): boolean =>
      now - lackingSince >= TIME_SLICE_MS || state.grants - lackingSinceGrants >= TIME_SLICE_GRANTS
    law(
      14,
      [...state.registry.queues.values()].some((queue) => queue.wanted && !queue.served && waited(queue)),
      () => `connection ${given.id} is given up, and nobody has waited for it so long`,
    )
    const leaving = (among: Iterable<ConnectionView>): number =>
      count(
        among,
        (each) => each !== given && (each.freeing || (each.state === 'draining' && each.preemptedUntil > now)),
      )
    let asking = 0
    for (const queue of state.registry.queues.values())
      if (queue.lackingSince !== Infinity && !queue.served && !queue.endpoint.roomWaitlist.has(queue))
        asking += chainFrom(queue)
    law(
      14,
      leaving(state.connections) < asking || leaving(given.queue.endpoint.connections) === 0,
      () => `connection ${given.id} is given up, and as many are on their way out as ask for one`,
    )
    // One whose turn ends in this very moment may not have been looked at yet.
    const better = (each: ConnectionView): boolean => hadTurn(each, now - 1) && each.runningSince > given.runningSince
    law(
      14,
      [state.connections, given.queue.endpoint.connections].some((among) => count(among, better) === 0),
      () => `connection ${given.id} is given up, whose work began before that of another one`,
    )
  }

  /** A stranger that lacks nothing but a slot, where no idle connection can be closed for it and nothing else keeps it from dialling. */
  #keptOut(queue: QueueView, now: number): Wall | null {
    const { state } = this.pool
    const { endpoint } = queue
    if (state.mode !== 'running' || !queue.wanted || queue.served) return null
    if ((queue.sticky?.until ?? 0) > now || endpoint.notBefore > now || endpoint.opening >= endpoint.dialLimit)
      return null
    if (endpoint.failures > 0 && endpoint.opening > 0) return null
    if (queue.jump && count(queue.jump.connections, ({ state }) => state === 'open') === 0) return null
    if (endpoint.connections.size >= endpoint.maxConnections)
      return count(endpoint.connections, ({ idle }) => idle) === 0 ? 'endpoint' : null
    if (count(endpoint.roomWaitlist, (other) => other !== queue) > 0) return null
    if (!queue.jump && (state.heldUntil(now) > now || state.heldWaitlist.size > 0)) return null
    return state.slots === state.maxConnections && state.idle.size === 0 ? 'pool' : null
  }
}

/** Whether it has had its quantum, and its queue would go on using it. */
function hadTurn({ state, grants, openedAt, carried, queue }: ConnectionView, now: number): boolean {
  return (
    state === 'open' &&
    carried.size === 0 &&
    queue.waiting > 0 &&
    grants > 0 &&
    (grants >= TIME_SLICE_GRANTS || now >= openedAt + TIME_SLICE_MS)
  )
}

/** How many slots a queue needs, and those that it is to carry. */
function chainFrom(queue: QueueView): number {
  return 1 + Math.max(0, ...[...queue.waitingDependants].map(chainFrom))
}

function count<T>(all: Iterable<T>, is: (each: T) => boolean): number {
  let n = 0
  for (const each of all) if (is(each)) n++
  return n
}
