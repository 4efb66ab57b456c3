/** What the policy may say: one step of a subject, or that it waits, until when and for what. */
import type { DrainReason } from './events.js'
import type { ConnectionView, SlotLack } from './views.js'

export type Lack = SlotLack | 'endpoint' | 'held' | 'permit' | null

export type Wait = { readonly do: 'wait'; readonly until: number; readonly lacks: Lack }

/** Of a connection: it has had its turn, and may have to be given up for a stranger; or it has been, and is on its way out. */
export type Turn = 'spent' | 'leaving' | null

export type QueueStep =
  | Wait
  | { readonly do: 'fail' }
  | { readonly do: 'grant'; readonly connection: ConnectionView }
  | { readonly do: 'channel'; readonly connection: ConnectionView }
  | { readonly do: 'askHop' }
  | { readonly do: 'dial'; readonly hop: ConnectionView | null }
  | { readonly do: 'evict'; readonly connection: ConnectionView; readonly reason: 'evicted' }
  | {
      readonly do: 'evict'
      readonly connection: ConnectionView
      readonly reason: 'fairness'
      readonly leavesBy: number
    }

export type ConnectionStep =
  | (Wait & { readonly turn?: Turn })
  | { readonly do: 'authenticate' }
  | { readonly do: 'dropSpare' }
  | { readonly do: 'drain'; readonly reason: DrainReason }
  | { readonly do: 'close' }
  | { readonly do: 'destroy' }

export const wait = (until = Infinity, lacks: Lack = null): Wait => ({ do: 'wait', until, lacks })
