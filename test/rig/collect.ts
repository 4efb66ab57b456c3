/** The garbage collector, on demand. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Collects all that nobody refers to. Twice: the first may only end a marking that had begun, and keeps what was alive then. */
export function collect(): void {
  gc()
  gc()
}
