/** What must become of a command whose conversation was cut, from what had passed until then. Pure. */
import type { Executed } from '../../src/errors.js'
import type { Outcome } from '../../src/adapter/types.js'

export interface WhatPassed {
  /** Packets that the client gave to the wire. */
  readonly sent: readonly string[]
  /** How many of them went on to the server, whole. */
  readonly arrived: number
  /** What the client took in: the identification line as `ident`, and packets. */
  readonly received: readonly string[]
  /** Any byte at all, then. */
  readonly heard: boolean
}

export interface Expected {
  /** Says how far the conversation was. */
  readonly stage:
    | 'before the banner'
    | 'banner'
    | 'key exchange'
    | 'authentication'
    | 'channel open'
    | 'before the command'
    | 'command sent'
    | 'command accepted'
    | 'exit status known'
    | 'whole'
  /** Dialled again by itself, because nothing of the command had left; then it runs to its end on the next connection. */
  readonly again: boolean
  readonly outcome: Outcome
  readonly executed: Executed
  /** Where the error says it happened. */
  readonly phase: readonly string[]
  /** How often the command may have run. */
  readonly runs: readonly [least: number, most: number]
  readonly truncated: boolean
}

const RAN_WHOLE = { outcome: 'ok', executed: 'yes', phase: [], runs: [1, 1], truncated: false } as const
const UNREACHED = { again: false, outcome: 'unreachable', executed: 'no', runs: [0, 0], truncated: false } as const

/** With `maxReconnectAttempts: 0`. A close before the banner is throttling, which costs no attempt. */
export function expected({ sent, arrived, received, heard }: WhatPassed): Expected {
  const got = (packet: string): boolean => received.includes(packet)
  if (!heard) return { stage: 'before the banner', again: true, ...RAN_WHOLE }
  // The line may have come whole, and the connection have ended, before ssh2 was given it to read.
  if (!got('ident')) return { stage: 'banner', ...UNREACHED, phase: ['banner', 'kex'] }
  if (!got('NEWKEYS')) return { stage: 'key exchange', ...UNREACHED, phase: ['kex'] }
  if (!got('USERAUTH_SUCCESS')) return { stage: 'authentication', ...UNREACHED, phase: ['auth'] }
  if (!got('CHANNEL_OPEN_CONFIRMATION'))
    return {
      stage: 'channel open',
      ...UNREACHED,
      phase: sent.includes('CHANNEL_OPEN') ? ['channel'] : ['auth', 'channel'],
    }
  const exec = sent.indexOf('CHANNEL_REQUEST exec')
  if (exec < 0) return { stage: 'before the command', again: true, ...RAN_WHOLE }
  if (got('CHANNEL_REQUEST exit-status')) {
    return got('CHANNEL_CLOSE')
      ? { stage: 'whole', again: false, ...RAN_WHOLE }
      : { stage: 'exit status known', again: false, ...RAN_WHOLE, truncated: true }
  }
  if (got('CHANNEL_SUCCESS'))
    return {
      stage: 'command accepted',
      again: false,
      outcome: 'lost',
      executed: 'yes',
      phase: ['run'],
      runs: [0, 1],
      truncated: true,
    }
  return {
    stage: 'command sent',
    again: false,
    outcome: 'lost',
    executed: 'maybe',
    phase: ['exec', 'run'],
    runs: [0, exec < arrived ? 1 : 0],
    truncated: false,
  }
}
