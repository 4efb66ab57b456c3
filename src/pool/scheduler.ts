/**
 * One loop: asks the policy about every endpoint that something concerned, does what it says, and asks again until all it
 * says is `wait`. Every event ends in `update`, and only the scheduler acts.
 */
import type { Clock, Timer } from '../runtime/clock.js'
import { announceDial, isDialled, takeBack } from './actions/announce.js'
import type { Closing } from './actions/close.js'
import type { Dials } from './actions/dial.js'
import type { Rejections } from './actions/reject.js'
import type { Sessions } from './actions/sessions.js'
import { poolClosed, queueTimeout } from './messages.js'
import { decideConnection, decideQueue } from './policy/policy.js'
import {
  SLOT_WAITLISTS,
  type ConnectionView,
  type EndpointView,
  type QueueStep,
  type QueueView,
} from './policy/view.js'
import { giveUpClosing, preempt } from './state/dials.js'
import type { State } from './state/state.js'

/** More than any run needs: two rules that undo each other's steps end the process with a message, instead of hanging it. */
const MOST_LOOKS = 10_000_000

/** What carries the steps out. */
export interface Actions {
  readonly dials: Dials
  readonly sessions: Sessions
  readonly closing: Closing
  readonly rejections: Rejections
}

export class Scheduler {
  #timer: { readonly at: number; readonly handle: Timer } | null = null
  #running = false

  constructor(
    private readonly state: State,
    private readonly clock: Clock,
    private readonly actions: Actions,
    /** Called after each run, when nothing is left to do. */
    private readonly settled: () => void,
  ) {}

  /** At most one ever is set (law 11). */
  get timers(): number {
    return this.#timer ? 1 : 0
  }

  /** Within a run, and within the news of another, nothing is decided: the run that is under way will. */
  update(news?: () => void): void {
    if (this.#running) {
      news?.()
      return
    }
    this.#running = true
    try {
      news?.()
      this.#run(this.clock.now())
    } finally {
      this.#running = false
    }
    this.settled()
    this.#setTimer()
  }

  #run(now: number): void {
    const { state } = this
    this.#takeDue(now)
    let looks = 0
    do {
      if (this.#mayCut(now)) this.#cut()
      for (let endpoint = state.dirty.take(); endpoint; endpoint = state.dirty.take()) {
        if (++looks > MOST_LOOKS) throw new Error('bug: the pool does not come to rest')
        this.#look(endpoint, now)
      }
    } while (this.#stepHeads(now) || this.#mayCut(now))
  }

  /** A connection whose time slice is over is known before anybody asks for it, also where a late clock makes both due at once. */
  #takeDue(now: number): void {
    const { deadlines, dirty } = this.state
    const queues: QueueView[] = []
    for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
      if ('deadline' in due) this.actions.rejections.reject(due, queueTimeout(due, this.state, now))
      else if ('waiters' in due) queues.push(due)
      else dirty.mark(due.endpoint)
    }
    for (const queue of queues) dirty.mark(queue.endpoint)
  }

  /** One step of each connection and of each queue of an endpoint; looked at again until all of them wait. */
  #look(endpoint: EndpointView, now: number): void {
    let acted = false
    for (const connection of endpoint.connections) if (this.#stepConnection(connection, now)) acted = true
    if (endpoint.queues.size === 1) for (const queue of endpoint.queues) acted = this.#stepQueue(queue, now) || acted
    else for (const queue of inOrder(endpoint)) if (this.#stepQueue(queue, now)) acted = true
    if (acted) this.state.dirty.mark(endpoint)
  }

  /** Takes one step of a queue; false when all it can do is wait. */
  #stepQueue(queue: QueueView, now: number): boolean {
    const { state } = this
    const step = decideQueue(queue, state, now)
    if (step.do === 'wait') {
      if (queue.announced) takeBack(queue)
      state.queueWaits(queue, step.lacks, step.until, now)
      return false
    }
    // A queue that got a slot goes to the end of its waiting list; one that still waits keeps its place (law 13).
    if (step.do === 'dial' || step.do === 'fail') state.queueMovesOn(queue, now)
    this.#act(queue, step, now)
    return true
  }

  #act(queue: QueueView, step: Exclude<QueueStep, { readonly do: 'wait' }>, now: number): void {
    const { state, actions } = this
    switch (step.do) {
      case 'fail':
        if (queue.sticky?.error) actions.rejections.rejectAll(queue, queue.sticky.error)
        break
      case 'grant':
        actions.sessions.grant(queue, step.connection)
        break
      case 'channel':
        actions.sessions.ask(step.connection)
        break
      case 'askJump':
        state.askJump(queue)
        if (isDialled(queue)) announceDial(queue)
        break
      case 'dial':
        actions.dials.dial(queue, step.jump)
        break
      case 'evict':
        // A queue that had its time slice goes to the end, so that the room it leaves is not its own again (law 14).
        if (step.reason === 'fairness') {
          preempt(step.connection, step.preemptedUntil)
          state.queueMovesOn(step.connection.queue, now)
        }
        actions.closing.drain(step.connection, step.reason)
        break
    }
  }

  /** Takes one step of a connection; false when all it can do is wait. */
  #stepConnection(connection: ConnectionView, now: number): boolean {
    const { state, actions } = this
    const step = decideConnection(connection, state, now)
    if (step.do === 'wait') {
      state.live.waits(connection, step.lacks, step.preemption ?? null, step.until)
      return false
    }
    state.live.movesOn(connection)
    switch (step.do) {
      case 'authenticate':
        actions.dials.authenticate(connection)
        break
      case 'dropSpare':
        actions.sessions.dropSpare(connection)
        break
      case 'drain':
        actions.closing.drain(connection, step.reason)
        break
      case 'close':
        actions.closing.close(connection)
        break
      case 'destroy':
        giveUpClosing(connection)
        connection.link?.destroy()
        break
    }
    return true
  }

  /** Offers what became free to the heads of the waiting lists of the pool (law 13); true when something was done. */
  #stepHeads(now: number): boolean {
    const { state } = this
    for (const connection of state.permitWaitlist) {
      if (!this.#stepConnection(connection, now)) break // what the head lacks, all of them lack
      state.dirty.mark(connection.endpoint)
      return true
    }
    for (const list of [state.heldWaitlist, ...SLOT_WAITLISTS.map((name) => state.slotWaitlists[name])]) {
      for (const queue of list) {
        const acted = this.#stepQueue(queue, now)
        if (acted) state.dirty.mark(queue.endpoint)
        if (acted || !list.has(queue)) return true
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

  /** A drain has nothing left to wait for (law 12). */
  #mayCut(now: number): boolean {
    const { state } = this
    return state.mode === 'draining' && (now >= state.cutAt || (state.waiting === 0 && state.leases === 0))
  }

  /** The end of a drain's grace: turns away callers that wait, cuts off what runs, closes everything. */
  #cut(): void {
    const { state, actions } = this
    state.drainEnded()
    for (const waiter of [...state.waiters()]) actions.rejections.reject(waiter, poolClosed(waiter.host))
    for (const connection of [...state.connections]) {
      if (connection.state === 'opening') {
        actions.dials.abort(connection)
        continue
      }
      // One deadline for all: jump by jump, a chain whose peers do not answer would take as many.
      actions.closing.hurry(connection)
      if (connection.leases > 0) actions.closing.revoke(connection)
    }
  }
}

/** The queues of an endpoint that lack room, in the order in which they asked, and then the others. */
function inOrder({ queues }: EndpointView): readonly QueueView[] {
  const ticket = (queue: QueueView): number => (queue.lackingSince === Infinity ? Infinity : queue.ticket)
  return [...queues].sort((a, b) => (ticket(a) < ticket(b) ? -1 : ticket(a) > ticket(b) ? 1 : 0))
}
