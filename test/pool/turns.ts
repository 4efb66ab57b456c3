/**
 * The laws that speak of a time, 13 and 14, for every test that uses Sim. Both keep a record of their own of who waits
 * since when, and read of the pool what anybody can see: who waits, what is open, what runs on it since when.
 */
import type { Connection } from '../../src/pool/connection.js'
import type { PoolEvent } from '../../src/pool/events.js'
import { QUANTUM_GRANTS, QUANTUM_MS } from '../../src/pool/quantum.js'
import type { ConnectionPool } from '../../src/pool/pool.js'
import type { Queue } from '../../src/pool/queue.js'
import { law } from './invariants.js'

/**
 * Law 13: while a queue without a connection waits for a slot, another is dialled once before it is its turn. Twice if it
 * is the one for which an open jump host had its room; and once more for each other user of the same host, whose turn there
 * comes first. While one that has a connection waits for another, the same holds for those that have one, too.
 */
export class Turns {
  readonly #passed = new Map<
    Queue,
    { readonly since: number; readonly served: boolean; readonly by: Map<Queue, number> }
  >()

  constructor(private readonly pool: ConnectionPool) {}

  dialled(event: PoolEvent): void {
    const { facts } = this.pool
    const dialled = [...facts.connections].find(({ id }) => id === event.connection)
    const waiting = [...facts.slotRings.firstSlot, ...facts.slotRings.moreSlot]
    for (const queue of this.#passed.keys()) if (!waiting.includes(queue)) this.#passed.delete(queue)
    if (!dialled) return
    const another = count(dialled.queue.connections, (each) => each !== dialled && each.serves) > 0
    for (const queue of waiting) {
      const { served, ringSince: since } = queue
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
  readonly #since = new Map<Queue, { readonly by: Wall; readonly at: number; readonly grants: number }>()
  /** How many connections were given up: a law that nothing comes under is not checked. */
  seen = 0

  constructor(private readonly pool: ConnectionPool) {}

  /** After every step: nobody's quantum is over while something could be given up, and nothing is. */
  check(now: number): void {
    const { facts } = this.pool
    const kept: { readonly queue: Queue; readonly by: Wall; readonly over: boolean }[] = []
    for (const queue of facts.registry.queues.values()) {
      const by = this.#keptOut(queue, now)
      if (!by) {
        this.#since.delete(queue)
        continue
      }
      let since = this.#since.get(queue)
      if (since?.by !== by) this.#since.set(queue, (since = { by, at: now, grants: facts.grants }))
      // Timers are of whole milliseconds. A host's users take turns by the clock alone.
      kept.push({
        queue,
        by,
        over: now - since.at >= QUANTUM_MS + 1 || (by === 'pool' && facts.grants - since.grants >= QUANTUM_GRANTS),
      })
    }
    const atPool = kept.filter(({ by, over }) => over && by === 'pool').length
    for (const { queue, by, over } of kept) {
      if (!over) continue
      const among = by === 'pool' ? facts.connections : queue.endpoint.connections
      if (
        count(among, (each) => each.freeing || (each.state === 'draining' && each.leavesBy > now)) >=
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
    for (const connection of this.pool.facts.connections)
      if (connection.id === event.connection) this.#since.delete(connection.queue)
  }

  /** A dial failed: until its host is dialled again it is not the pool that keeps anybody out there. */
  failed(event: PoolEvent): void {
    for (const queue of this.#since.keys())
      if (queue.endpoint.notBefore > event.at && queue.target.host === event.host) this.#since.delete(queue)
  }

  /** When a connection is given up. */
  given(event: PoolEvent & { readonly type: 'draining' }): void {
    const { facts } = this.pool
    const now = event.at
    const given = [...facts.connections].find(({ id }) => id === event.connection)
    if (!given) throw new Error(`connection ${event.connection} drains, and the pool does not have it`)
    this.seen++
    law(
      14,
      given.grants > 0 &&
        given.passengers.size === 0 &&
        (given.grants >= QUANTUM_GRANTS || now >= given.openedAt + QUANTUM_MS),
      () => `connection ${given.id} is given up after ${given.grants} grants and ${now - given.openedAt} ms`,
    )
    const waited = ({ ringSince, ringGrants }: Queue): boolean =>
      now - ringSince >= QUANTUM_MS || facts.grants - ringGrants >= QUANTUM_GRANTS
    law(
      14,
      [...facts.registry.queues.values()].some((queue) => queue.wanted && !queue.served && waited(queue)),
      () => `connection ${given.id} is given up, and nobody has waited for it so long`,
    )
    const leaving = (among: Iterable<Connection>): number =>
      count(among, (each) => each !== given && (each.freeing || (each.state === 'draining' && each.leavesBy > now)))
    let asking = 0
    for (const queue of facts.registry.queues.values())
      if (queue.ringSince !== Infinity && !queue.served && !queue.endpoint.ring.has(queue)) asking += chainFrom(queue)
    law(
      14,
      leaving(facts.connections) < asking || leaving(given.queue.endpoint.connections) === 0,
      () => `connection ${given.id} is given up, and as many are on their way out as ask for one`,
    )
    // One whose turn ends in this very moment may not have been looked at yet.
    const better = (each: Connection): boolean => hadTurn(each, now - 1) && each.runningSince > given.runningSince
    law(
      14,
      [facts.connections, given.queue.endpoint.connections].some((among) => count(among, better) === 0),
      () => `connection ${given.id} is given up, whose work began before that of another one`,
    )
  }

  /** A stranger that lacks nothing but a slot, where no idle connection can be closed for it and nothing else keeps it from dialling. */
  #keptOut(queue: Queue, now: number): Wall | null {
    const { facts } = this.pool
    const { endpoint } = queue
    if (facts.mode !== 'running' || !queue.wanted || queue.served) return null
    if ((queue.sticky?.until ?? 0) > now || endpoint.notBefore > now || endpoint.opening >= endpoint.dialLimit)
      return null
    if (endpoint.failures > 0 && endpoint.opening > 0) return null
    if (queue.hop && count(queue.hop.connections, ({ state }) => state === 'open') === 0) return null
    if (endpoint.connections.size >= endpoint.maxConnections)
      return count(endpoint.connections, ({ idle }) => idle) === 0 ? 'endpoint' : null
    if (count(endpoint.ring, (other) => other !== queue) > 0) return null
    if (!queue.hop && (facts.heldUntil(now) > now || facts.heldRing.size > 0)) return null
    return facts.slots === facts.maxConnections && facts.idle.size === 0 ? 'pool' : null
  }
}

/** Whether it has had its quantum, and its queue would go on using it. */
function hadTurn({ state, grants, openedAt, passengers, queue }: Connection, now: number): boolean {
  return (
    state === 'open' &&
    passengers.size === 0 &&
    queue.waiting > 0 &&
    grants > 0 &&
    (grants >= QUANTUM_GRANTS || now >= openedAt + QUANTUM_MS)
  )
}

/** How many slots a queue needs, and those that it is to carry. */
function chainFrom(queue: Queue): number {
  return 1 + Math.max(0, ...[...queue.children].map(chainFrom))
}

function count<T>(all: Iterable<T>, is: (each: T) => boolean): number {
  let n = 0
  for (const each of all) if (is(each)) n++
  return n
}
