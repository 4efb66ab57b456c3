import type { ShellResult } from './result.js'
import type { Settings } from './settings.js'

/** Runs a command with its settings. */
export type RunCommand = (settings: Settings) => Promise<ShellResult>
