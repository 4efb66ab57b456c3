/** SFTP on one session channel: requests out, replies in, each matched by its number, as many under way as the caller likes. */
import type { Clock } from '../runtime/clock.js'
import type { Channel, Exit } from '../transport/transport.js'
import { printable } from '../transport/words.js'
import {
  Fields,
  fillWriteHeader,
  message,
  Messages,
  NotSftp,
  OPEN,
  permissions,
  STATUS,
  text,
  TYPE,
  u32,
  u64,
  VERSION,
  writeHeaderLength,
  type Attributes,
  type Entry,
} from './packet.js'

/** The server said no to one request; the session goes on. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly path: Buffer,
  ) {
    super(message)
  }
}

/** There is no session any more: `exit` is how its channel ended, null when we gave it up. */
export class SessionOver extends Error {
  constructor(
    message: string,
    readonly exit: Exit | null,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** An open file or directory of the server's. */
export type Handle = Buffer

/** What waits for the answer to one request. */
interface Waiting {
  /** The type of the answer that is no status. */
  readonly wanted: number
  readonly path: Buffer
  /** @throws NotSftp */
  readonly take: (fields: Fields) => void
  readonly reject: (error: Error) => void
}

/** How long the exit of a channel that said its last word may take to be heard. */
const EXIT_WAIT_MS = 2_000

const POSIX_RENAME = 'posix-rename@openssh.com'
const FSYNC = 'fsync@openssh.com'
const LIMITS = 'limits@openssh.com'

/** Bytes of data that every server takes in one request (filexfer-02 §3), and that ours never go beyond: OpenSSH's most. */
const LEAST_DATA = 32 * 1024
const MOST_DATA = 255 * 1024

export class Sftp {
  /** Resolves with what is said to whoever asks when the session is over. */
  readonly over: Promise<Error>
  #settleOver!: (error: Error) => void
  readonly #extensions = new Map<string, string>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #messages = new Messages()
  #most = { read: LEAST_DATA, write: LEAST_DATA }
  #nextId = 0
  #over: Error | null = null
  #greeting: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null
  #firstBytes = Buffer.alloc(0)
  #stderr = ''

  private constructor(
    private readonly channel: Channel,
    private readonly clock: Clock,
  ) {
    this.over = new Promise((resolve) => (this.#settleOver = resolve))
    channel.stdout.on('data', (chunk: Buffer) => this.#hear(chunk))
    channel.stdout.once('end', () => void this.#ended())
    channel.stderr.on('data', (chunk: Buffer) => {
      if (this.#stderr.length < 400) this.#stderr += String(chunk)
    })
  }

  /**
   * Starts the subsystem and agrees on the version.
   * Rejects as `Channel.subsystem` does; with SessionOver when the server ends it or does not speak SFTP.
   */
  static async start(channel: Channel, clock: Clock): Promise<Sftp> {
    await channel.subsystem('sftp')
    const sftp = new Sftp(channel, clock)
    await new Promise<void>((resolve, reject) => {
      sftp.#greeting = { resolve, reject }
      channel.stdin.write(message(TYPE.init, VERSION, []))
    })
    void sftp.#askLimits()
    return sftp
  }

  /** The most data for one read and one write now: larger requests cost less, and the server says how large it takes them. */
  get most(): { readonly read: number; readonly write: number } {
    return this.#most
  }

  /** Nobody waits for an answer any more: everything under way, and whatever comes, is rejected with this. Idempotent. */
  abandon(error: Error): void {
    if (this.#over) return
    this.#over = error
    this.#settleOver(error)
    this.#greeting?.reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  /** Of what a path leads to, through links. */
  stat(path: Buffer): Promise<Attributes> {
    return this.#ask(TYPE.stat, [text(path)], path, TYPE.attrs, (fields) => fields.attributes())
  }

  lstat(path: Buffer): Promise<Attributes> {
    return this.#ask(TYPE.lstat, [text(path)], path, TYPE.attrs, (fields) => fields.attributes())
  }

  fstat(handle: Handle, path: Buffer): Promise<Attributes> {
    return this.#ask(TYPE.fstat, [text(handle)], path, TYPE.attrs, (fields) => fields.attributes())
  }

  /** The path from the root, without links. */
  realPath(path: Buffer): Promise<Buffer> {
    return this.#ask(TYPE.realpath, [text(path)], path, TYPE.name, firstName)
  }

  readLink(path: Buffer): Promise<Buffer> {
    return this.#ask(TYPE.readlink, [text(path)], path, TYPE.name, firstName)
  }

  openToRead(path: Buffer): Promise<Handle> {
    return this.#handle(TYPE.open, [text(path), u32(OPEN.read), permissions()], path)
  }

  /** Makes a file that does not exist yet, with these permissions less the server's umask. */
  create(path: Buffer, mode: number): Promise<Handle> {
    return this.#handle(
      TYPE.open,
      [text(path), u32(OPEN.write | OPEN.create | OPEN.exclusive), permissions(mode)],
      path,
    )
  }

  /** Opens a file that exists, and empties it. */
  openToOverwrite(path: Buffer): Promise<Handle> {
    return this.#handle(TYPE.open, [text(path), u32(OPEN.write | OPEN.truncate), permissions()], path)
  }

  /** Whether nothing can be asked any more. */
  get isOver(): boolean {
    return this.#over !== null
  }

  close(handle: Handle, path: Buffer): Promise<void> {
    return this.#do(TYPE.close, [text(handle)], path)
  }

  /** Up to `length` bytes; null at the end of the file. */
  async read(handle: Handle, path: Buffer, offset: number, length: number): Promise<Buffer | null> {
    try {
      return await this.#ask(TYPE.read, [text(handle), u64(offset), u32(length)], path, TYPE.data, (fields) => {
        const data = fields.text()
        if (data.length > length) throw new NotSftp('more bytes than were asked for')
        return data.length === 0 ? null : data
      })
    } catch (error) {
      if (isEnd(error)) return null
      throw error
    }
  }

  /** A packet for up to `length` bytes: they are put into `data`, then it is given to `write`. */
  packetFor(handle: Handle, length: number): { readonly packet: Buffer; readonly data: Buffer } {
    const header = writeHeaderLength(handle)
    const packet = Buffer.allocUnsafe(header + length)
    return { packet, data: packet.subarray(header) }
  }

  /** Writes the first `length` bytes of a packet's data. */
  write(handle: Handle, path: Buffer, offset: number, packet: Buffer, length: number): Promise<void> {
    return this.#send(
      path,
      TYPE.status,
      () => {},
      (id) => fillWriteHeader(packet, id, handle, offset, length),
    )
  }

  setMode(path: Buffer, mode: number): Promise<void> {
    return this.#do(TYPE.setstat, [text(path), permissions(mode)], path)
  }

  setModeOf(handle: Handle, path: Buffer, mode: number): Promise<void> {
    return this.#do(TYPE.fsetstat, [text(handle), permissions(mode)], path)
  }

  /** Has the server write the file to its disk; false when it does not offer that. */
  async sync(handle: Handle, path: Buffer): Promise<boolean> {
    if (this.#extensions.get(FSYNC) !== '1') return false
    await this.#do(TYPE.extended, [text(FSYNC), text(handle)], path)
    return true
  }

  makeDirectory(path: Buffer, mode: number): Promise<void> {
    return this.#do(TYPE.mkdir, [text(path), permissions(mode)], path)
  }

  /** What is in a directory, one piece of the list after the other; `.` and `..` included. */
  async *list(path: Buffer): AsyncGenerator<Entry[], void, undefined> {
    const handle = await this.#handle(TYPE.opendir, [text(path)], path)
    try {
      for (;;) yield await this.#ask(TYPE.readdir, [text(handle)], path, TYPE.name, (fields) => fields.entries())
    } catch (error) {
      if (!isEnd(error)) throw error
    } finally {
      if (!this.#over) await this.close(handle, path)
    }
  }

  remove(path: Buffer): Promise<void> {
    return this.#do(TYPE.remove, [text(path)], path)
  }

  /** In the order of symlink(2), as OpenSSH's server takes them (its PROTOCOL §4.1) and not as the draft has it. */
  makeLink(path: Buffer, leadsTo: Buffer): Promise<void> {
    return this.#do(TYPE.symlink, [text(leadsTo), text(path)], path)
  }

  /** Whether `rename` replaces what is there, in one step, as rename(2) does. Version 3's own refuses to. */
  get renamesOver(): boolean {
    return this.#extensions.get(POSIX_RENAME) === '1'
  }

  rename(from: Buffer, to: Buffer): Promise<void> {
    const paths = [text(from), text(to)]
    return this.renamesOver
      ? this.#do(TYPE.extended, [text(POSIX_RENAME), ...paths], to)
      : this.#do(TYPE.rename, paths, to)
  }

  /** Not waited for: the answer is here before the first data, and the smaller size does as well. */
  async #askLimits(): Promise<void> {
    if (this.#extensions.get(LIMITS) !== '1') return
    const within = (limit: number): number =>
      limit === 0 ? MOST_DATA : Math.min(Math.max(limit, LEAST_DATA), MOST_DATA)
    try {
      await this.#ask(TYPE.extended, [text(LIMITS)], Buffer.alloc(0), TYPE.extendedReply, (fields) => {
        fields.u64() // of a whole packet
        this.#most = { read: within(fields.u64()), write: within(fields.u64()) }
      })
    } catch {
      // It was asked for speed alone; whatever ended the session is told to all others.
    }
  }

  #do(type: number, fields: readonly Buffer[], path: Buffer): Promise<void> {
    return this.#ask(type, fields, path, TYPE.status, () => {})
  }

  #handle(type: number, fields: readonly Buffer[], path: Buffer): Promise<Handle> {
    return this.#ask(type, fields, path, TYPE.handle, (answer) => answer.text())
  }

  #ask<T>(
    type: number,
    fields: readonly Buffer[],
    path: Buffer,
    wanted: number,
    read: (answer: Fields) => T,
  ): Promise<T> {
    return this.#send(path, wanted, read, (id) => message(type, id, fields))
  }

  #send<T>(path: Buffer, wanted: number, read: (answer: Fields) => T, encode: (id: number) => Buffer): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over)
      const id = this.#nextId
      this.#nextId = (id + 1) >>> 0
      this.#waiting.set(id, { wanted, path, take: (answer) => resolve(read(answer)), reject })
      this.channel.stdin.write(encode(id))
    })
  }

  #hear(chunk: Buffer): void {
    if (this.#over) return
    if (this.#greeting && this.#firstBytes.length < 100)
      this.#firstBytes = Buffer.concat([this.#firstBytes, chunk.subarray(0, 100)])
    try {
      this.#messages.push(chunk, (body) => this.#take(body))
    } catch (error) {
      if (!(error instanceof NotSftp)) throw error
      this.#broken(error)
    }
  }

  #take(body: Buffer): void {
    const fields = new Fields(body)
    const type = fields.u8()
    if (this.#greeting) return this.#greet(type, fields)
    const id = fields.u32()
    const waiting = this.#waiting.get(id)
    if (!waiting) throw new NotSftp('an answer to nothing that was asked')
    const status = type === TYPE.status ? fields.u32() : STATUS.ok
    if (status !== STATUS.ok)
      waiting.reject(new Refusal(status, fields.over ? '' : printable(fields.text().toString()), waiting.path))
    else if (type === waiting.wanted) waiting.take(fields)
    else throw new NotSftp('an answer of the wrong kind')
    this.#waiting.delete(id)
  }

  #greet(type: number, fields: Fields): void {
    if (type !== TYPE.version) throw new NotSftp('no version')
    const version = fields.u32()
    if (version < VERSION) throw new NotSftp(`version ${version}`)
    while (!fields.over) this.#extensions.set(fields.text().toString('latin1'), fields.text().toString('latin1'))
    this.#greeting?.resolve()
    this.#greeting = null
  }

  #broken(error: NotSftp): void {
    const printed = this.#greeting ? printable(this.#firstBytes.toString('latin1')) : ''
    this.abandon(
      new SessionOver(
        this.#greeting
          ? `what the server sends is not SFTP (it begins with ${JSON.stringify(printed)}); a startup file of the account may print text`
          : `what the server sends is not SFTP (${error.message})`,
        null,
        { cause: error },
      ),
    )
  }

  async #ended(): Promise<void> {
    const { channel } = this
    channel.close()
    const exit = await new Promise<Exit | null>((resolve) => {
      const timer = this.clock.timer(EXIT_WAIT_MS, () => resolve(null))
      void channel.exit.then((heard) => {
        timer.clear()
        resolve(heard)
      })
    })
    const how =
      exit?.kind === 'code'
        ? `with exit status ${exit.code}`
        : exit?.kind === 'signal'
          ? `by signal ${exit.signal}`
          : 'without an exit status'
    const said = printable(this.#stderr)
    this.abandon(
      new SessionOver(
        exit?.kind === 'lost'
          ? exit.end.detail
          : `the server ended the SFTP session ${how}${said ? ` ("${said}")` : ''}`,
        exit,
      ),
    )
  }
}

function firstName(fields: Fields): Buffer {
  const [first] = fields.entries()
  if (!first) throw new NotSftp('a list of no names')
  return first.name
}

function isEnd(error: unknown): boolean {
  return error instanceof Refusal && error.status === STATUS.eof
}
