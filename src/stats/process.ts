/** Which process wrote a file, and whether it is still that one: a pid alone is given to others again. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat (clock ticks since boot, see proc(5)); elsewhere the wall-clock ms of the start. */
  readonly startTime: string
  readonly startedBy: 'proc' | 'wall'
}

/** Without /proc a writer counts as alive only if it wrote within this, in ms. */
const SILENCE = 10_000

/**
 * Field 22 of a /proc/<pid>/stat line; the command's name in field 2 may itself contain spaces and parentheses.
 * Undefined for a process that has ended and only waits for its parent to ask how.
 */
export function startTimeOf(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state = '', start = ''] = [fields[0], fields[19]]
  return /^\d+$/.test(start) && !/^[ZXx]$/.test(state) ? start : undefined
}

export function ownIdentity(): ProcessIdentity {
  const { pid } = process
  try {
    const startTime = startTimeOf(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    if (startTime !== undefined) return { pid, startTime, startedBy: 'proc' }
  } catch {
    // Not Linux, or /proc is not mounted: the other way.
  }
  return { pid, startTime: String(Math.round(performance.timeOrigin)), startedBy: 'wall' }
}

/** Whether the process that wrote a file, `ageMs` ago, is still running. */
export async function isAlive(identity: ProcessIdentity, ageMs: number): Promise<boolean> {
  if (identity.startedBy === 'proc') {
    try {
      return startTimeOf(await readFile(`/proc/${identity.pid}/stat`, 'latin1')) === identity.startTime
    } catch {
      return false // ENOENT, ESRCH: no such process
    }
  }
  if (ageMs > SILENCE) return false
  try {
    process.kill(identity.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // it exists, and is someone else's
  }
}
