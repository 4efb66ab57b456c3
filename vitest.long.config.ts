import { defineConfig } from 'vitest/config'

/**
 * `npm run test:long`: what is too long to wait for on every change. The oracles in full (`npm test` takes a tenth of
 * each), and tests that run only here.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.oracle.test.ts', 'test/**/*.long.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
