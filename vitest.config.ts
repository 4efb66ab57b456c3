import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.long.test.ts'],
    // A hang is found late rather than a busy machine called one.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores, and the world tests start real servers: more workers only make them wait for each other.
    maxWorkers: 2,
  },
})
