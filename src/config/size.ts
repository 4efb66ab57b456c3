/** How large a configuration may be: apart from its parser, which is not loaded where there is no file. */
import { XecError } from '../errors.js'

const LARGEST_FILE_BYTES = 5_000_000

/** @throws XecError XEC_CONFIG */
export function checkSize(file: string, bytes: number): void {
  if (bytes > LARGEST_FILE_BYTES)
    throw new XecError(
      'XEC_CONFIG',
      `${file}: the file is larger than ${LARGEST_FILE_BYTES / 1_000_000} MB; use ranges like web[001-500] for many hosts`,
    )
}
