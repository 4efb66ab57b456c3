/**
 * Stats files: what the pools of this user's xec processes are doing, or last did, for `xec pool stats`.
 * A pool lives inside a process; the file is how another terminal hears of it. Nothing here ever fails a run.
 */
export { openStats, type OpenStatsOptions, type StatsFile } from './write.js'
export { readStats } from './read.js'
export type { RunStats, StatsView, SummedHost, SummedTotals } from './view.js'
