/**
 * SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02, and OpenSSH's PROTOCOL §3 for its extensions). Pure.
 * Paths and names are bytes: the protocol gives them no encoding, and neither does Linux.
 */

export const VERSION = 3

/** Types of messages, ours and theirs. */
export const TYPE = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const

/** Codes of a status (§7). `failure` is what OpenSSH says for everything that has no code of its own. */
export const STATUS = { ok: 0, eof: 1, noSuchFile: 2, permissionDenied: 3, failure: 4, unsupported: 8 } as const

/** For `open` (§6.3). */
export const OPEN = { read: 0x01, write: 0x02, create: 0x08, truncate: 0x10, exclusive: 0x20 } as const

const ATTR = { size: 0x1, owner: 0x2, permissions: 0x4, times: 0x8, extended: 0x8000_0000 } as const
const KIND = { mask: 0o170000, directory: 0o040000, file: 0o100000, link: 0o120000 } as const

/** The largest message that OpenSSH takes or sends; more is not SFTP. */
export const MAX_MESSAGE = 256 * 1024

export interface Attributes {
  readonly size: number | undefined
  /** With the kind of the file in its upper bits, as st_mode; undefined when the server did not say. */
  readonly mode: number | undefined
}

export interface Entry {
  readonly name: Buffer
  readonly attributes: Attributes
}

/** What a path leads to. */
export type Kind = 'file' | 'directory' | 'link' | 'other' | 'unknown'

export function kindOf({ mode }: Attributes): Kind {
  switch (mode === undefined ? undefined : mode & KIND.mask) {
    case undefined:
    case 0:
      return 'unknown'
    case KIND.file:
      return 'file'
    case KIND.directory:
      return 'directory'
    case KIND.link:
      return 'link'
    default:
      return 'other'
  }
}

export function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function u64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** A length, then the bytes. */
export function text(bytes: Buffer | string): Buffer {
  const own = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  return Buffer.concat([u32(own.length), own])
}

/** Attributes that set permissions, or nothing. */
export function permissions(mode?: number): Buffer {
  return mode === undefined ? u32(0) : Buffer.concat([u32(ATTR.permissions), u32(mode)])
}

/** A whole message. @param id its number; `init` has the version there */
export function message(type: number, id: number, fields: readonly Buffer[]): Buffer {
  const length = fields.reduce((sum, field) => sum + field.length, 5)
  return Buffer.concat([u32(length), Buffer.of(type), u32(id), ...fields], length + 4)
}

/** What a message of ours says ahead of the bytes of a write: its size depends on the handle's alone. */
export function writeHeaderLength(handle: Buffer): number {
  return 4 + 1 + 4 + 4 + handle.length + 8 + 4
}

/** Fills in the header of a write whose bytes stand behind it already. */
export function fillWriteHeader(packet: Buffer, id: number, handle: Buffer, offset: number, length: number): Buffer {
  const header = writeHeaderLength(handle)
  packet.writeUInt32BE(header + length - 4, 0)
  packet[4] = TYPE.write
  packet.writeUInt32BE(id, 5)
  packet.writeUInt32BE(handle.length, 9)
  handle.copy(packet, 13)
  packet.writeBigUInt64BE(BigInt(offset), 13 + handle.length)
  packet.writeUInt32BE(length, 21 + handle.length)
  return packet.subarray(0, header + length)
}

/** The server sent something that is not SFTP. */
export class NotSftp extends Error {}

/** Reads the fields of one message in their order. @throws NotSftp when there is less than the field needs */
export class Fields {
  #at = 0

  constructor(private readonly bytes: Buffer) {}

  get over(): boolean {
    return this.#at >= this.bytes.length
  }

  u8(): number {
    return this.#take(1)[0] as number
  }

  u32(): number {
    return this.#take(4).readUInt32BE()
  }

  u64(): number {
    const value = this.#take(8).readBigUInt64BE()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new NotSftp('a size past 2^53')
    return Number(value)
  }

  text(): Buffer {
    return this.#take(this.u32())
  }

  attributes(): Attributes {
    const flags = this.u32()
    const size = flags & ATTR.size ? this.u64() : undefined
    if (flags & ATTR.owner) this.#take(8)
    const mode = flags & ATTR.permissions ? this.u32() : undefined
    if (flags & ATTR.times) this.#take(8)
    if (flags & ATTR.extended) {
      for (let count = this.u32(); count > 0; count--) {
        this.text()
        this.text()
      }
    }
    return { size, mode }
  }

  entries(): Entry[] {
    const entries: Entry[] = []
    for (let count = this.u32(); count > 0; count--) {
      // The name is kept for longer than the message that it came in.
      const name = Buffer.from(this.text())
      this.text() // the line that `ls -l` would print
      entries.push({ name, attributes: this.attributes() })
    }
    return entries
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.bytes.length) throw new NotSftp('a message that ends in the middle of a field')
    const taken = this.bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

/** Cuts a stream of bytes into messages. */
export class Messages {
  readonly #length = Buffer.alloc(4)
  #lengthBytes = 0
  #body: Buffer | null = null
  #bodyBytes = 0

  /** @param take is given each message that is complete, from its type on. @throws NotSftp */
  push(chunk: Buffer, take: (message: Buffer) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#body === null) {
        const copied = chunk.copy(this.#length, this.#lengthBytes, at)
        at += copied
        this.#lengthBytes += copied
        if (this.#lengthBytes < 4) return
        const length = this.#length.readUInt32BE()
        if (length === 0 || length > MAX_MESSAGE) throw new NotSftp(`a message of ${length} bytes`)
        this.#body = Buffer.allocUnsafe(length)
        this.#bodyBytes = 0
      }
      const copied = chunk.copy(this.#body, this.#bodyBytes, at)
      at += copied
      this.#bodyBytes += copied
      if (this.#bodyBytes < this.#body.length) return
      const whole = this.#body
      this.#body = null
      this.#lengthBytes = 0
      take(whole)
    }
  }
}
