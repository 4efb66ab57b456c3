import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores, and the world tests start real servers: more workers only make them wait for each other.
    maxWorkers: 2,
  },
})
