/**
 * The pump: asks the policy about every subject whose facts changed, does what it says, and asks again until all it
 * says is `wait`. Every event ends in `run`, and only the pump acts.
 */
import type { Clock, Timer } from '../runtime/clock.js'
import { announceDial, isDialled, takeBack } from './announce.js'
import type { Channels } from './channels.js'
import type { Connection } from './connection.js'
import type { Dialling } from './dialling.js'
import type { Ends } from './ends.js'
import type { Facts, Subject } from './facts.js'
import { poolClosed, queueTimeout } from './messages.js'
import { Places } from './places.js'
import { decideConnection, decideQueue } from './policy.js'
import { Queue } from './queue.js'
import type { Rejections } from './rejections.js'
import { Waiter } from './waiter.js'

/** More than any run needs: two rules that undo each other's steps end the process with a message, instead of hanging it. */
const MOST_LOOKS = 10_000_000

/** What the pump's steps are carried out by. */
export interface Hands {
  readonly dialling: Dialling
  readonly channels: Channels
  readonly ends: Ends
  readonly rejections: Rejections
}

export class Pump {
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #running = false
  readonly #places: Places

  constructor(
    private readonly facts: Facts,
    private readonly clock: Clock,
    private readonly hands: Hands,
    /** Called after each run, when nothing is left to do. */
    private readonly settled: () => void,
  ) {
    this.#places = new Places(facts)
  }

  /** At most one ever is set. */
  get timers(): number {
    return this.#timer ? 1 : 0
  }

  /** Within a run, and within the news of another, nothing is decided: whoever is in the middle of it will. */
  run(news?: () => void): void {
    if (this.#running) {
      news?.()
      return
    }
    this.#running = true
    try {
      news?.()
      const { facts } = this
      const now = this.clock.now()
      this.#touchDue(now)
      let looks = 0
      do {
        if (this.#mayCut(now)) this.#cut()
        // Who is touched meanwhile comes to the end.
        for (const subject of facts.dirty) {
          if (!subject.dirty) continue
          if (++looks > MOST_LOOKS) throw new Error('bug: the pool does not come to rest')
          subject.dirty = false
          if (this.#step(subject, now)) facts.touch(subject)
        }
        facts.dirty.length = 0
      } while (this.#stepRings(now) || this.#mayCut(now))
    } finally {
      this.#running = false
    }
    this.settled()
    this.#setTimer()
  }

  /** Whose turn is over is known before anybody asks for it, also where a clock that is late makes both due at once. */
  #touchDue(now: number): void {
    const { facts } = this
    let queues: Queue[] | null = null
    for (let due = facts.deadlines.takeDue(now); due !== undefined; due = facts.deadlines.takeDue(now)) {
      if (due instanceof Queue) (queues ??= []).push(due)
      else facts.touch(due)
    }
    for (const queue of queues ?? []) facts.touch(queue)
  }

  /** Takes one step of one subject; false when all it can do is wait. */
  #step(subject: Subject, now: number): boolean {
    if (subject instanceof Waiter) {
      if (now < subject.deadline || subject.settled) return false
      this.hands.rejections.reject(subject, queueTimeout(subject, this.facts, now))
      return false
    }
    return subject instanceof Queue ? this.#stepQueue(subject, now) : this.#stepConnection(subject, now)
  }

  #stepQueue(queue: Queue, now: number): boolean {
    const { facts } = this
    const step = decideQueue(queue, facts, now)
    if (step.do === 'wait') {
      if (queue.announced) takeBack(queue)
      facts.deadlines.set(queue, step.until)
      return this.#places.keep(queue, step.lacks, now)
    }
    // Who got a slot goes to the end of the ring; who still waits for one keeps its place.
    if (step.do === 'dial' || step.do === 'fail') this.#places.keep(queue, null, now)
    switch (step.do) {
      case 'fail':
        if (queue.sticky) this.hands.rejections.rejectAll(queue, queue.sticky.error)
        break
      case 'grant':
        this.hands.channels.grant(queue, step.connection as Connection, now)
        break
      case 'channel':
        this.hands.channels.ask(step.connection as Connection)
        break
      case 'askHop':
        facts.askHop(queue)
        if (isDialled(queue)) announceDial(queue)
        break
      case 'dial':
        this.#letOthersAsk(queue)
        this.hands.dialling.dial(queue, step.hop as Connection | null)
        break
      case 'evict': {
        const connection = step.connection as Connection
        // Who had its turn goes to the end, so that the room it leaves is not its own again.
        if (step.reason === 'fairness') {
          connection.leavesBy = step.leavesBy
          this.#places.keep(connection.queue, null, now)
        }
        this.hands.ends.drain(connection, step.reason)
        break
      }
    }
    return true
  }

  /**
   * A dial may take the last room of its endpoint. Other users of it that wait for a slot will wait for that room then, and
   * have asked before whoever dials now and may ask again: they are looked at first, in the order in which they came.
   */
  #letOthersAsk(queue: Queue): void {
    const { queues } = queue.endpoint
    if (queues.size === 1) return
    const others = [...queues].filter((other) => other !== queue && other.ringSince !== Infinity)
    for (const other of others.sort((a, b) => a.ringNth - b.ringNth)) this.facts.touch(other)
  }

  #stepConnection(connection: Connection, now: number): boolean {
    const { facts } = this
    const step = decideConnection(connection, facts, now)
    if (step.do === 'wait') {
      facts.deadlines.set(connection, step.until)
      keep(facts.permitRing, connection, step.lacks === 'permit')
      keep(facts.overdue, connection, connection.state === 'open' && now >= connection.expiresAt)
      facts.keepTurn(connection, step.turn ?? null)
      return false
    }
    facts.permitRing.delete(connection)
    facts.overdue.delete(connection)
    switch (step.do) {
      case 'authenticate':
        this.hands.dialling.authenticate(connection)
        break
      case 'dropSpare':
        this.hands.channels.dropSpare(connection)
        break
      case 'drain':
        this.hands.ends.drain(connection, step.reason)
        break
      case 'close':
        this.hands.ends.close(connection)
        break
      case 'destroy':
        connection.closeBy = Infinity
        connection.link?.destroy()
        break
    }
    return true
  }

  /** Offers what became free to the heads of the rings; true when something was done. */
  #stepRings(now: number): boolean {
    const { facts } = this
    for (const connection of facts.permitRing) {
      if (this.#stepConnection(connection, now)) return true
      break // what the head lacks, all of them lack
    }
    const { chainSlot, firstSlot, moreSlot } = facts.slotRings
    for (const ring of [facts.heldRing, chainSlot, firstSlot, moreSlot]) {
      for (const queue of ring) {
        const acted = this.#stepQueue(queue, now)
        if (acted) facts.touch(queue)
        if (acted || !ring.has(queue)) return true
        break // what the head lacks, all of them lack
      }
    }
    return false
  }

  #setTimer(): void {
    const { facts } = this
    const at = Math.min(facts.deadlines.lookAt, facts.mode === 'draining' ? facts.cutAt : Infinity)
    // One that is early is left: it finds nothing due and is set anew, which is cheaper than to move it with every use.
    if (this.#timer && (this.#timer.at > at || at === Infinity)) {
      this.#timer.handle.clear()
      this.#timer = null
    }
    // Rounded up: a timer that fires a fraction too early would find nothing due and be set again, for ever.
    if (at !== Infinity)
      this.#timer ??= { at, handle: this.clock.timer(Math.ceil(at - this.clock.now()), () => this.#onTimer()) }
    if (facts.busy) this.#timer?.handle.ref()
    else this.#timer?.handle.unref()
  }

  #onTimer(): void {
    this.#timer = null
    this.run()
  }

  /** A drain has nothing left to wait for. */
  #mayCut(now: number): boolean {
    const { facts } = this
    return facts.mode === 'draining' && (now >= facts.cutAt || (facts.waiting === 0 && facts.leases === 0))
  }

  /** The end of a drain's grace: turns away who waits, cuts off what runs, closes everything. */
  #cut(): void {
    const { facts } = this
    facts.mode = 'closed'
    facts.cutAt = Infinity
    for (const waiter of [...facts.waiters()]) this.hands.rejections.reject(waiter, poolClosed(waiter.host))
    for (const connection of [...facts.connections]) {
      if (connection.state === 'opening') this.hands.dialling.abort(connection)
      else {
        // One deadline for all: hop by hop, a chain whose peers do not answer would take as many.
        this.hands.ends.hurry(connection)
        if (connection.leases > 0) this.hands.ends.revoke(connection)
      }
      facts.changed(connection)
    }
  }
}

function keep<T>(ring: Set<T>, member: T, belongs: boolean): void {
  if (belongs) ring.add(member)
  else ring.delete(member)
}
