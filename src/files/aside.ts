/** Things that are made under a temporary name and then renamed. */
import type { Transfer } from './transfer.js'
import { Trouble } from './trouble.js'

/** The old file is gone and the new one did not get its name: it is the only copy, and stays. */
export class Stranded extends Trouble {}

/**
 * Makes a thing under a temporary name. It counts as left from the moment it may be there until `aside` is done with it.
 * @param isRefused whether what `make` failed with says that nothing was made
 */
export async function begin<T>(
  job: Transfer,
  name: string,
  make: () => Promise<T>,
  isRefused: (cause: unknown) => boolean,
): Promise<T> {
  job.signal.throwIfAborted()
  job.left.add(name)
  try {
    return await make()
  } catch (error) {
    if (isRefused(error)) job.left.delete(name)
    throw error
  }
}

/**
 * Runs `work`, which gives a thing that was begun its name. When it fails the thing is taken away again; when that
 * fails too, the transfer's error names it.
 * @param isGone whether what `takeAway` failed with says that there is nothing of that name
 */
export async function aside(
  job: Transfer,
  name: string,
  takeAway: () => Promise<void>,
  isGone: (cause: unknown) => boolean,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    job.halt(error)
    const gone = error instanceof Stranded ? false : await takeAway().then(() => true, isGone)
    if (gone) job.left.delete(name)
    throw error
  }
  job.left.delete(name)
}
