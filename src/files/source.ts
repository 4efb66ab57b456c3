/** Where the bytes of an upload come from. */
import { open } from 'node:fs/promises'
import { addAbortSignal, Readable } from 'node:stream'

export interface Source {
  /** How many bytes there are to be; null when that is not known. */
  readonly size: number | null
  /** Fills `into` as far as there are bytes: fewer than it holds are the last. */
  read(into: Buffer): Promise<number>
  close(): Promise<void>
}

/**
 * A file here. No more than the `size` it was found with is read, so that one which grows, a log, is taken as it was;
 * one of size 0, as many in /proc say they are, is read to its end.
 */
export async function openFile(path: Buffer, size: number): Promise<Source> {
  const file = await open(path, 'r')
  let position = 0
  return {
    size: size === 0 ? null : size,
    async read(into) {
      const wanted = size === 0 ? into.length : Math.min(into.length, size - position)
      let length = 0
      while (length < wanted) {
        const { bytesRead } = await file.read(into, length, wanted - length, position)
        if (bytesRead === 0) break
        length += bytesRead
        position += bytesRead
      }
      return length
    },
    close: () => file.close(),
  }
}

/** Bytes, or a stream of them, which is destroyed when `signal` is aborted. */
export function openStream(given: Uint8Array | Readable, signal: AbortSignal): Source {
  if (!(given instanceof Readable)) {
    const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength)
    let at = 0
    return {
      size: bytes.length,
      async read(into) {
        const length = bytes.copy(into, 0, at)
        at += length
        return length
      },
      async close() {},
    }
  }
  const chunks = addAbortSignal(signal, given)[Symbol.asyncIterator]() as AsyncIterator<unknown, unknown>
  let chunk: Buffer = Buffer.alloc(0)
  return {
    size: null,
    async read(into) {
      let length = 0
      while (length < into.length) {
        if (chunk.length === 0) {
          const next = await chunks.next()
          if (next.done) break
          chunk = bytesOf(next.value)
        }
        const copied = chunk.copy(into, length)
        chunk = chunk.subarray(copied)
        length += copied
      }
      return length
    },
    async close() {
      await chunks.return?.()
    },
  }
}

function bytesOf(value: unknown): Buffer {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  throw new TypeError('the stream gives objects and not bytes')
}
