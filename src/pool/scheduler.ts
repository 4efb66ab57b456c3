/**
 * The pump: asks the policy about every subject whose facts changed, does what it says, and asks again until all it
 * says is `wait`. Every event ends in `run`, and only the pump acts.
 */
import type { Clock, Timer } from '../runtime/clock.js'
import { announceDial, isDialled, takeBack } from './actions/announce.js'
import type { Sessions } from './actions/sessions.js'
import type { Connection } from './state/connection.js'
import type { Dials } from './actions/dial.js'
import type { Closing } from './actions/close.js'
import type { State, Subject } from './state/state.js'
import { poolClosed, queueTimeout } from './messages.js'
import { Places } from './state/places.js'
import { decideConnection, decideQueue } from './policy/policy.js'
import { Queue } from './state/queue.js'
import type { Rejections } from './actions/reject.js'
import { Waiter } from './state/waiter.js'

/** More than any run needs: two rules that undo each other's steps end the process with a message, instead of hanging it. */
const MOST_LOOKS = 10_000_000

/** What the pump's steps are carried out by. */
export interface Actions {
  readonly dials: Dials
  readonly sessions: Sessions
  readonly closing: Closing
  readonly rejections: Rejections
}

export class Scheduler {
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #running = false
  readonly #places: Places

  constructor(
    private readonly state: State,
    private readonly clock: Clock,
    private readonly actions: Actions,
    /** Called after each run, when nothing is left to do. */
    private readonly settled: () => void,
  ) {
    this.#places = new Places(state)
  }

  /** At most one ever is set. */
  get timers(): number {
    return this.#timer ? 1 : 0
  }

  /** Within a run, and within the news of another, nothing is decided: whoever is in the middle of it will. */
  update(news?: () => void): void {
    if (this.#running) {
      news?.()
      return
    }
    this.#running = true
    try {
      news?.()
      const { state } = this
      const now = this.clock.now()
      this.#markDueDirty(now)
      let looks = 0
      do {
        if (this.#mayCut(now)) this.#cut()
        // Who is touched meanwhile comes to the end.
        for (const subject of state.dirty) {
          if (!subject.dirty) continue
          if (++looks > MOST_LOOKS) throw new Error('bug: the pool does not come to rest')
          subject.dirty = false
          if (this.#step(subject, now)) state.markDirty(subject)
        }
        state.dirty.length = 0
      } while (this.#stepRings(now) || this.#mayCut(now))
    } finally {
      this.#running = false
    }
    this.settled()
    this.#setTimer()
  }

  /** Whose turn is over is known before anybody asks for it, also where a clock that is late makes both due at once. */
  #markDueDirty(now: number): void {
    const { state } = this
    let queues: Queue[] | null = null
    for (let due = state.deadlines.takeDue(now); due !== undefined; due = state.deadlines.takeDue(now)) {
      if (due instanceof Queue) (queues ??= []).push(due)
      else state.markDirty(due)
    }
    for (const queue of queues ?? []) state.markDirty(queue)
  }

  /** Takes one step of one subject; false when all it can do is wait. */
  #step(subject: Subject, now: number): boolean {
    if (subject instanceof Waiter) {
      if (now < subject.deadline || subject.settled) return false
      this.actions.rejections.reject(subject, queueTimeout(subject, this.state, now))
      return false
    }
    return subject instanceof Queue ? this.#stepQueue(subject, now) : this.#stepConnection(subject, now)
  }

  #stepQueue(queue: Queue, now: number): boolean {
    const { state } = this
    const step = decideQueue(queue, state, now)
    if (step.do === 'wait') {
      if (queue.announced) takeBack(queue)
      state.deadlines.set(queue, step.until)
      return this.#places.keep(queue, step.lacks, now)
    }
    // Who got a slot goes to the end of the ring; who still waits for one keeps its place.
    if (step.do === 'dial' || step.do === 'fail') this.#places.keep(queue, null, now)
    switch (step.do) {
      case 'fail':
        if (queue.sticky) this.actions.rejections.rejectAll(queue, queue.sticky.error)
        break
      case 'grant':
        this.actions.sessions.grant(queue, step.connection as Connection, now)
        break
      case 'channel':
        this.actions.sessions.ask(step.connection as Connection)
        break
      case 'askJump':
        state.askJump(queue)
        if (isDialled(queue)) announceDial(queue)
        break
      case 'dial':
        this.#letOthersAsk(queue)
        this.actions.dials.dial(queue, step.jump as Connection | null)
        break
      case 'evict': {
        const connection = step.connection as Connection
        // Who had its turn goes to the end, so that the room it leaves is not its own again.
        if (step.reason === 'fairness') {
          connection.preemptedUntil = step.preemptedUntil
          this.#places.keep(connection.queue, null, now)
        }
        this.actions.closing.drain(connection, step.reason)
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
    const others = [...queues].filter((other) => other !== queue && other.lackingSince !== Infinity)
    for (const other of others.sort((a, b) => a.ticket - b.ticket)) this.state.markDirty(other)
  }

  #stepConnection(connection: Connection, now: number): boolean {
    const { state } = this
    const step = decideConnection(connection, state, now)
    if (step.do === 'wait') {
      state.deadlines.set(connection, step.until)
      keep(state.permitWaitlist, connection, step.lacks === 'permit')
      keep(state.overdue, connection, connection.state === 'open' && now >= connection.expiresAt)
      state.keepPreemption(connection, step.preemption ?? null)
      return false
    }
    state.permitWaitlist.delete(connection)
    state.overdue.delete(connection)
    switch (step.do) {
      case 'authenticate':
        this.actions.dials.authenticate(connection)
        break
      case 'dropSpare':
        this.actions.sessions.dropSpare(connection)
        break
      case 'drain':
        this.actions.closing.drain(connection, step.reason)
        break
      case 'close':
        this.actions.closing.close(connection)
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
    const { state } = this
    for (const connection of state.permitWaitlist) {
      if (this.#stepConnection(connection, now)) return true
      break // what the head lacks, all of them lack
    }
    const { chainSlot, firstSlot, moreSlot } = state.slotWaitlists
    for (const ring of [state.heldWaitlist, chainSlot, firstSlot, moreSlot]) {
      for (const queue of ring) {
        const acted = this.#stepQueue(queue, now)
        if (acted) state.markDirty(queue)
        if (acted || !ring.has(queue)) return true
        break // what the head lacks, all of them lack
      }
    }
    return false
  }

  #setTimer(): void {
    const { state } = this
    const at = Math.min(state.deadlines.lookAt, state.mode === 'draining' ? state.cutAt : Infinity)
    // One that is early is left: it finds nothing due and is set anew, which is cheaper than to move it with every use.
    if (this.#timer && (this.#timer.at > at || at === Infinity)) {
      this.#timer.handle.clear()
      this.#timer = null
    }
    // Rounded up: a timer that fires a fraction too early would find nothing due and be set again, for ever.
    if (at !== Infinity)
      this.#timer ??= { at, handle: this.clock.timer(Math.ceil(at - this.clock.now()), () => this.#onTimer()) }
    if (state.busy) this.#timer?.handle.ref()
    else this.#timer?.handle.unref()
  }

  #onTimer(): void {
    this.#timer = null
    this.update()
  }

  /** A drain has nothing left to wait for. */
  #mayCut(now: number): boolean {
    const { state } = this
    return state.mode === 'draining' && (now >= state.cutAt || (state.waiting === 0 && state.leases === 0))
  }

  /** The end of a drain's grace: turns away who waits, cuts off what runs, closes everything. */
  #cut(): void {
    const { state } = this
    state.mode = 'closed'
    state.cutAt = Infinity
    for (const waiter of [...state.waiters()]) this.actions.rejections.reject(waiter, poolClosed(waiter.host))
    for (const connection of [...state.connections]) {
      if (connection.state === 'opening') this.actions.dials.abort(connection)
      else {
        // One deadline for all: hop by hop, a chain whose peers do not answer would take as many.
        this.actions.closing.hurry(connection)
        if (connection.leases > 0) this.actions.closing.revoke(connection)
      }
      state.changed(connection)
    }
  }
}

function keep<T>(ring: Set<T>, member: T, belongs: boolean): void {
  if (belongs) ring.add(member)
  else ring.delete(member)
}
