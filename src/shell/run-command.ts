import type { ShellResult } from './result.js'
import type { Settings } from './settings.js'

/** Runs a command with its settings. */
export type RunCommand = (settings: Settings) => Promise<ShellResult>

/** As for every promise, so that `catch((error: Error) => …)` is as good as with any other. */
export type Reason = Parameters<NonNullable<Parameters<Promise<unknown>['catch']>[0]>>[0]
