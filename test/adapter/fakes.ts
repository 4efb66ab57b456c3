/** A pool whose channels do what the test says; nothing happens by itself. */
import { PassThrough, Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { XecError } from '../../src/errors.js'
import { DEFAULT_POOL_OPTIONS } from '../../src/pool/options.js'
import type { AcquireOptions, Lease, Pool, PoolTarget } from '../../src/pool/types.js'
import type { Link, Channel, Exit, PtyRequest, SignalName } from '../../src/transport/transport.js'

export function target(host = 'web1', more: Partial<PoolTarget> = {}): PoolTarget {
  return {
    host,
    address: '10.0.0.1',
    port: 22,
    username: 'u',
    jump: null,
    connectTimeoutMs: 1_000,
    credentials: { keys: [], agent: null, identitiesOnly: false, password: null },
    hostKeys: { mode: 'strict', userFiles: [], globalFiles: [], alias: null },
    ...more,
  }
}

/** Lets everything that can happen without time happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
}

export class FakeChannel implements Channel {
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  readonly signals: SignalName[] = []
  received = Buffer.alloc(0)
  stdinEnded = false
  line: string | null = null
  isWanted: () => boolean = () => true
  cut = false
  closes = 0
  /** False: a close of ours is not answered. */
  answersClose = true
  /** False: stdin takes nothing more. */
  takesStdin = true
  accept!: () => void
  refuse!: (error: XecError) => void
  #settleExit!: (exit: Exit) => void
  #settleClosed!: () => void
  #held: (() => void)[] = []
  readonly exit = new Promise<Exit>((resolve) => (this.#settleExit = resolve))
  readonly closed = new Promise<void>((resolve) => (this.#settleClosed = resolve))
  readonly stdin = new Writable({
    highWaterMark: 8,
    write: (chunk: Buffer, _encoding, done) => {
      this.received = Buffer.concat([this.received, chunk])
      if (this.takesStdin) done()
      else this.#held.push(done)
    },
    final: (done) => {
      this.stdinEnded = true
      done()
    },
  })

  exec(line: string, _pty?: PtyRequest, isWanted: () => boolean = () => true): Promise<void> {
    this.line = line
    this.isWanted = isWanted
    return new Promise((resolve, reject) => {
      this.accept = resolve
      this.refuse = reject
    })
  }

  subsystem(name: string): Promise<void> {
    return this.exec(`subsystem ${name}`)
  }

  signal(name: SignalName): void {
    this.signals.push(name)
  }

  resize(): void {}

  close(): void {
    this.closes++
    if (this.answersClose) this.end()
  }

  takeStdin(): void {
    this.takesStdin = true
    for (const done of this.#held.splice(0)) done()
  }

  /** The exit alone; the output stays open. */
  exits(exit: Exit | number): void {
    this.#settleExit(typeof exit === 'number' ? { kind: 'code', code: exit } : exit)
  }

  /** Output, exit and close, as a command that ends in the ordinary way. */
  finish(exit: Exit | number = 0, stdout = ''): void {
    if (stdout) this.stdout.write(stdout)
    this.exits(exit)
    this.end()
  }

  lose(detail = 'reset by peer'): void {
    this.cut = true
    this.exits({ kind: 'lost', end: { reason: 'lost', detail } })
    this.end()
  }

  end(): void {
    this.stdout.end()
    this.stderr.end()
    this.#settleExit({ kind: 'none' })
    this.#settleClosed()
  }
}

/** Grants at once, unless the test has put a refusal first. */
export class FakePool implements Pool {
  readonly options = DEFAULT_POOL_OPTIONS
  readonly channels: FakeChannel[] = []
  readonly asked: AcquireOptions[] = []
  /** What the next acquires do instead of granting. */
  readonly next: ((options: AcquireOptions) => Promise<never>)[] = []
  released = 0
  leases = 0

  async acquire(_target: PoolTarget, options: AcquireOptions = {}): Promise<Lease> {
    this.asked.push(options)
    const other = this.next.shift()
    if (other) return other(options)
    const channel = new FakeChannel()
    this.channels.push(channel)
    this.leases++
    let held = true
    return {
      channel,
      link: null as unknown as Link,
      connection: this.channels.length,
      reused: this.channels.length > 1,
      waitMs: 3,
      connectMs: 2,
      attempts: [],
      release: () => {
        if (held) this.released++
        held = false
      },
    }
  }

  get last(): FakeChannel {
    const channel = this.channels.at(-1)
    if (!channel) throw new Error('no channel was granted')
    return channel
  }

  with(): never {
    throw new Error('not used')
  }
  snapshot(): never {
    throw new Error('not used')
  }
  admission(): never {
    throw new Error('not used')
  }
  drain(): never {
    throw new Error('not used')
  }
  async close(): Promise<void> {}
  reset(): void {}
  retire(): void {}
  subscribe(): () => void {
    return () => {}
  }
}
