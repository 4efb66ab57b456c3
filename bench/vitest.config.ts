import { defineConfig } from 'vitest/config'

// Benchmarks are run one after the other, and print ratios; nothing here is asserted by time.
export default defineConfig({
  test: {
    include: ['bench/**/*.bench.ts'],
    testTimeout: 600_000,
    hookTimeout: 60_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
})
