/** Things that are made under a temporary name and then renamed. */
import type { Transfer } from './transfer.js'
import { Trouble } from './trouble.js'

/** The old file is gone and the new one did not get its name: it is the only copy, and stays. */
export class Stranded extends Trouble {}

/**
 * Runs `work`, which makes something and gives it its name. When it fails the thing is taken away again; when that
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
  job.left.add(name)
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
