/** The bytes of a source into an open file on a host. */
import { Flight } from './flight.js'
import { STATUS } from './packet.js'
import { show } from './path.js'
import { Refusal, type Handle } from './sftp.js'
import type { Source } from './source.js'
import type { Transfer } from './transfer.js'
import { Trouble, wordsOf } from './trouble.js'

export interface Filling {
  /** What progress calls it. */
  readonly file: string
  /** What the handle is of; `to` itself for a file that is written in place. */
  readonly temporary: Buffer
  readonly to: Buffer
  /** The permissions that it gets; null leaves those that it has. */
  readonly mode: number | null
}

/** Ends with the handle closed. What follows the last write is sent right behind it: a server keeps the order of one file's requests. */
export async function fill(
  job: Transfer,
  handle: Handle,
  source: Source,
  { file, temporary, to, mode }: Filling,
): Promise<void> {
  const { sftp, options } = job
  const flight = new Flight(job.room)
  // Those that are answered are used again: to make 800 of 255 KiB for 200 MB costs more than to encrypt them.
  const spare: ReturnType<typeof sftp.packetFor>[] = []
  let sent = 0
  let closing = false
  try {
    for (;;) {
      job.signal.throwIfAborted()
      // A byte more than there is to be, so that the read which gets it is also the one that finds the end.
      const carrier =
        spare.pop() ??
        sftp.packetFor(handle, Math.min(sftp.most.write, source.size === null ? Infinity : source.size + 1))
      const { packet, data } = carrier
      const length = await source.read(data)
      if (length === 0) break
      const offset = sent
      sent += length
      await flight.start(length, async () => {
        await sftp.write(handle, temporary, offset, packet, length)
        spare.push(carrier)
        job.arrived(file, length)
      })
      if (length < data.length) break
    }
    if (source.size !== null && sent !== source.size) throw new Trouble(`${file} became shorter while it was read`)
    const rest = [
      sftp.fstat(handle, temporary),
      mode === null ? null : ifItCan(sftp.setModeOf(handle, temporary, mode), options.mode === undefined),
      options.fsync ? sftp.sync(handle, temporary) : null,
      sftp.close(handle, temporary),
    ] as const
    closing = true
    const settled = await Promise.allSettled([flight.done(), ...rest])
    for (const each of settled) if (each.status === 'rejected') throw each.reason
    const { size } = await rest[0]
    if (size !== undefined && size !== sent)
      throw new Trouble(
        `${show(to)}: ${sent} bytes were sent and ${size} are there${temporary === to ? '' : '; nothing was put in its place'}`,
      )
  } catch (cause) {
    const error = cause instanceof Refusal ? new Trouble(`${show(to)}: ${wordsOf(cause)}`, { cause }) : cause
    job.halt(error)
    await flight.landed()
    // The first failure is the one to tell; the file is removed next.
    if (!closing) await sftp.close(handle, temporary).catch(() => {})
    throw error
  }
}

/** Permissions that nobody asked for: a server that cannot set any is let off. */
export function ifItCan(work: Promise<void>, isLetOff: boolean): Promise<void> {
  return work.catch((error: unknown) => {
    if (!(isLetOff && error instanceof Refusal && error.status === STATUS.unsupported)) throw error
  })
}
