/** How much a test does: a tenth in `npm test`, everything in `npm run test:long`. */

/** Whether this is `npm run test:long`. */
const LONG = process.env['XEC_TEST_LONG'] === '1'

/** How many of `all` cases an oracle tries: all of them in test:long, a tenth (rounded up) in npm test. */
export function cases(all: number): number {
  return LONG ? all : Math.ceil(all / 10)
}

/**
 * The seed of an oracle: fixed, unless XEC_TEST_SEED says another one. It is printed, so that a failure can be repeated.
 */
export function oracleSeed(name: string): number {
  const seed = Number(process.env['XEC_TEST_SEED'] ?? 20_261_129)
  process.stdout.write(`\n  ${name}: seed ${seed} (XEC_TEST_SEED repeats it)\n`)
  return seed
}
