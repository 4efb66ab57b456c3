/**
 * Records: what this user's xec has run, for `xec runs`, `xec rerun` and selections such as `@last:failed`.
 * One append-only file a run. Nothing here ever fails a run.
 */
export { createRecorder, type Recorder } from './recorder.js'
export { findRecord } from './find.js'
export { openShelf, pathOf, readSummary, type RunSummary } from './read.js'
export type { RunRecord } from './fold.js'
export type { RunRequest } from './format.js'
export { pick, type PickName } from './pick.js'
export { compareRuns, type Changed } from './compare.js'
