/** What every command that dials has around it: the pool, questions to the person, signals, stats for `pool stats`. */
import type { PoolEvent } from '../pool/metrics/events.js'
import type { PoolOptions } from '../pool/options.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import { formatDuration } from '../runtime/duration.js'
import { systemClock } from '../runtime/clock.js'
import { withoutPlace } from '../run/fold.js'
import { openStats } from '../stats/stats.js'
import { Ssh2Transport } from '../transport/ssh2.js'
import type { Transport } from '../transport/transport.js'
import { createXec, type Xec } from '../xec.js'
import type { Io } from './io.js'
import type { Notices } from './notices.js'
import type { OptionValues } from './options.js'
import { listenForSignals, type Interrupts } from './signals.js'
import { terminalPrompt } from './terminal.js'

/** A person who pressed Ctrl-C and still waits after this is told why, and how to leave. */
const PATIENCE_MS = 1_000
/** Hosts that a notice names. */
const MOST_NAMED = 5

export interface SessionOptions {
  /** The xec command, for stats. */
  readonly command: string
  readonly pool: Partial<PoolOptions>
  readonly verbose: OptionValues['verbose']
  readonly notices: Notices
  /** Takes a live picture off the terminal while a question stands there; returns the way to put it back. */
  readonly pause?: () => () => void
  /** Whether a person may be asked for passwords. Default false. */
  readonly askPasswords?: boolean
  /** False: `pool stats` is told nothing, and no file is written. Default true. */
  readonly stats?: boolean
  /** Over the figures that `pool stats` shows. */
  readonly figures?: (snapshot: PoolSnapshot) => PoolSnapshot
  /** Around the transport, for who wants to watch it. */
  readonly wrap?: (transport: Transport) => Transport
}

export interface Session {
  readonly xec: Xec
  readonly interrupts: Interrupts
}

/**
 * Runs `work` with a session around it, and leaves nothing open: not when it throws, and not when a signal ends it.
 * @returns the exit status: of the signal that ended it, else what `work` says
 */
export async function withSession(
  io: Io,
  options: SessionOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const { notices } = options
  let patience: NodeJS.Timeout | undefined
  /** How many commands are on each host now. */
  const working = new Map<string, number>()
  const interrupts = listenForSignals(io, {
    onFirst() {
      patience = setTimeout(
        () => notices.note('stopping what runs there; Ctrl-C again leaves at once'),
        PATIENCE_MS,
      ).unref()
    },
    onSecond() {
      if (working.size > 0) notices.note(leftAtOnce(working))
    },
  })
  const prompt = terminalPrompt({
    interrupt: () => interrupts.interrupt('SIGINT'),
    signal: interrupts.signal,
    onExit: (listener) => io.onExit(listener),
    pause: options.pause,
  })
  try {
    const ssh = new Ssh2Transport({
      prompt,
      askPasswords: options.askPasswords,
      warn: warnings(notices),
      tell: (message) => notices.progress(message),
    })
    const xec = createXec({ pool: options.pool, prompt, transport: options.wrap?.(ssh) ?? ssh })
    xec.pool.subscribe(({ type, host }) => {
      const change = type === 'granted' ? 1 : type === 'released' || type === 'revoked' ? -1 : 0
      if (change === 0) return
      const left = (working.get(host) ?? 0) + change
      if (left > 0) working.set(host, left)
      else working.delete(host)
    })
    xec.pool.subscribe((event) => {
      if (event.type === 'outage')
        notices.warning(
          `${event.hosts} hosts failed within two seconds, as if the network here were down: trying one at a time until one answers`,
        )
    })
    xec.pool.subscribe((event) => {
      if (event.type === 'localLimit')
        notices.warning(
          `${withoutPlace(event.message, event.host)}; idle connections are closed, and the run goes on with fewer than ${event.connections + 1} at once`,
        )
    })
    if ((options.verbose ?? 0) > 0) xec.pool.subscribe((event) => tell(event, notices))
    const stats =
      options.stats === false
        ? undefined
        : openStats({
            env: io.env,
            home: io.home,
            clock: systemClock,
            command: options.command,
            snapshot: () => (options.figures ?? ((snapshot) => snapshot))(xec.snapshot()),
            warn: (message) => notices.warning(message),
          })
    let status = 255
    try {
      status = await work({ xec, interrupts })
      status = interrupts.status ?? status
    } finally {
      await xec.close()
      // What is still under way there would hold the process open.
      if ((await stats?.stop(status)) === false) io.exit(status)
    }
    return status
  } finally {
    clearTimeout(patience)
    interrupts.release()
  }
}

/** What the second Ctrl-C leaves behind: the hosts to look at. */
export function leftAtOnce(working: ReadonlyMap<string, number>): string {
  const commands = [...working.values()].reduce((sum, count) => sum + count, 0)
  const hosts = [...working.keys()]
  const more = hosts.length > MOST_NAMED ? ` and ${hosts.length - MOST_NAMED} more` : ''
  return `left at once; ${commands === 1 ? 'a command' : `${commands} commands`} may still be running on ${hosts.slice(0, MOST_NAMED).join(', ')}${more}`
}

/** A fleet may give the same warning a thousand times. */
function warnings(notices: Notices): (message: string) => void {
  const told = new Set<string>()
  return (message) => {
    if (told.has(message)) return
    told.add(message)
    notices.warning(message)
  }
}

/** What -v tells of connections. */
function tell(event: PoolEvent, notices: Notices): void {
  const { host } = event
  switch (event.type) {
    case 'dialling':
      return notices.progress(`${host}: connecting${event.attempt > 1 ? `, dial ${event.attempt}` : ''}`)
    case 'opened':
      return notices.progress(`${host}: connected in ${formatDuration(event.dialMs)}${connection(event)}`)
    case 'dialFailed':
      return notices.progress(
        `${event.message}${event.retryInMs === undefined ? '' : `; next dial in ${formatDuration(event.retryInMs)}`}`,
      )
    case 'refused':
      return notices.progress(
        `${host}: the server takes only ${event.capacity} commands on a connection${connection(event)}`,
      )
    case 'closed':
      return notices.progress(`${host}: closed (${event.reason})${connection(event)}`)
    case 'requested':
    case 'queued':
    case 'granted':
    case 'rejected':
    case 'released':
    case 'revoked':
    case 'dialCancelled':
    case 'draining':
    case 'outage':
    case 'localLimit':
    case 'outageOver':
      return undefined
  }
}

function connection({ connection: id }: PoolEvent): string {
  return id === undefined ? '' : ` [connection ${id}]`
}
