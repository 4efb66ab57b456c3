/** The garbage collector, on demand. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects all that nobody refers to. */
export const collect = runInNewContext('gc') as () => void
