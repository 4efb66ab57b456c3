/** A file without a name: what does not fit into memory, gone with the process however it ends. */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SpillFile {
  #fd: number | null = null
  #length = 0

  constructor(private readonly directory: string = tmpdir()) {}

  get length(): number {
    return this.#length
  }

  /** Writes at the end and returns where that is. @throws as `write` does */
  append(bytes: Uint8Array): number {
    const at = this.reserve(bytes.length)
    this.write(at, bytes)
    return at
  }

  /** Makes room at the end and returns where it is. @throws what the file system says. */
  reserve(length: number): number {
    this.#fd ??= this.#open()
    const at = this.#length
    this.#length += length
    return at
  }

  /** Into room that was reserved. @throws what the file system says, e.g. ENOSPC. */
  write(at: number, bytes: Uint8Array): void {
    if (this.#fd === null) throw new Error('bug: no room was reserved')
    for (let written = 0; written < bytes.length;)
      written += writeSync(this.#fd, bytes, written, bytes.length - written, at + written)
  }

  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length)
    if (this.#fd === null) throw new Error('bug: nothing was spilled')
    let got = 0
    while (got < length) {
      const n = readSync(this.#fd, bytes, got, length - got, at + got)
      if (n === 0) throw new Error('bug: read past the end of the spill file')
      got += n
    }
    return bytes
  }

  #open(): number {
    const path = join(this.directory, `xec-${process.pid}-${randomBytes(8).toString('hex')}`)
    const fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    leftovers.register(this, fd)
    return fd
  }
}

/** The descriptor goes when nobody holds the file any more. */
const leftovers = new FinalizationRegistry<number>((fd) => closeSync(fd))
