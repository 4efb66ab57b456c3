/** The transfers of a context: a host's, with what of the context's settings is about them. */
import type { TransferOptions, TransferResult, Transfers, UploadSource } from '../files/types.js'
import type { PoolTarget } from '../pool/types.js'
import { checkTransfer } from './options.js'
import { inside, type Settings } from './settings.js'
import { withEither } from './signals.js'

export interface ContextFiles {
  /**
   * Copies a file, a directory with all that is in it, bytes or a stream to the host.
   * @param local a path here, or what the file shall hold
   * @param remote the name that it gets; with a `/` at its end, the directory that it goes into under its own name.
   *   Relative to the context's directory, else to the account's home; `~/` is that
   * Rejects with an XecError: XEC_FILE with the path for what the file systems refuse; XEC_REFUSED without SFTP on the host;
   * XEC_CONFIG, before anything is dialled, for paths that cannot be used; else as a command
   */
  upload(local: UploadSource, remote: string, options?: TransferOptions): Promise<TransferResult>
  /**
   * Copies a file, or a directory with all that is in it, from the host.
   * @param remote as for `upload`
   * @param local the name that it gets; with a `/` at its end, the directory that it goes into under its own name
   * Rejects as `upload` does
   */
  download(remote: string, local: string, options?: TransferOptions): Promise<TransferResult>
}

export function contextFiles(adapter: () => Partial<Transfers>, target: PoolTarget, settings: Settings): ContextFiles {
  const { cwd, timeoutMs, queueTimeoutMs, signal, signals = [] } = settings
  const place = (remote: string): string => (cwd === undefined || remote === '' ? remote : inside(cwd, remote))
  const transfer = (
    options: TransferOptions,
    work: (how: TransferOptions) => Promise<TransferResult>,
  ): Promise<TransferResult> => {
    const how = { timeoutMs, queueTimeoutMs, ...checkTransfer(options) }
    return withEither([signal, ...signals, options.signal], (either) => work({ ...how, signal: either }))
  }
  const transfers = (): Transfers => {
    const own = adapter()
    if (!own.upload || !own.download) throw new TypeError('this adapter transfers no files')
    return own as Transfers
  }
  return {
    upload: async (local, remote, options = {}) =>
      transfer(options, (how) => transfers().upload(target, local, place(remote), how)),
    download: async (remote, local, options = {}) =>
      transfer(options, (how) => transfers().download(target, place(remote), local, how)),
  }
}
