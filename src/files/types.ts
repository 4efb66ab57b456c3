/** What is asked of a transfer, and what became of it. */
import type { Readable } from 'node:stream'
import type { PoolTarget } from '../pool/types.js'

/** A file or directory here by its path, or what a file shall hold. A stream is read to its end, and destroyed when the transfer fails. */
export type UploadSource = string | Uint8Array | Readable

export interface TransferOptions {
  /** Gives it up: leaves the queue, or stops, and takes the unfinished temporary files away. */
  readonly signal?: AbortSignal | undefined
  /** From the moment there is a channel for it: ms, or `'30s'`. Default none. Of an adapter or a context. */
  readonly timeout?: number | string | undefined
  /** The older name of `timeout`, in ms. */
  readonly timeoutMs?: number | undefined
  /** Longest wait for a channel: ms, or `'30s'`. Default none. Of an adapter or a context. */
  readonly queueTimeout?: number | string | undefined
  /** The older name of `queueTimeout`, in ms. */
  readonly queueTimeoutMs?: number | undefined
  /**
   * Permissions of every file, e.g. `0o644`. Default: those of its source, without set-user-ID, set-group-ID and sticky;
   * 0o644 for what has none. Directories that are made get those of their source.
   */
  readonly mode?: number | undefined
  /** In a directory, what a symbolic link leads to is copied in its place. Default false: links are made again as they are. */
  readonly follow?: boolean | undefined
  /** Makes the directories that lead to the destination. Default false: they must exist. */
  readonly parents?: boolean | undefined
  /** Has each file written to the disk before it gets its name; on a server without `fsync@openssh.com`, left to it. Default false. */
  readonly fsync?: boolean | undefined
  /** Hears of each piece that arrived and of each file that is done. What it throws ends the transfer. */
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined
}

export interface TransferProgress {
  /** The file that this is about: its path in the directory, or the name of the one file. */
  readonly file: string
  /** Bytes that have arrived, of all files. */
  readonly bytes: number
  /** Bytes there will be; null when the source does not say, as a stream. */
  readonly total: number | null
  /** Files that are in place. */
  readonly files: number
}

export interface TransferResult {
  /** Without directories and links. */
  readonly files: number
  readonly bytes: number
  /** From the channel to the last file in its place, in ms. */
  readonly durationMs: number
  /** What was in the directory and is neither file, directory nor link: devices, sockets, pipes. By their path in it. */
  readonly skipped: readonly string[]
}

/** Who transfers files: an adapter over a pool. */
export interface Transfers {
  /** @see upload */
  upload(target: PoolTarget, local: UploadSource, remote: string, options?: TransferOptions): Promise<TransferResult>
  /** @see download */
  download(target: PoolTarget, remote: string, local: string, options?: TransferOptions): Promise<TransferResult>
}
