/** Whether somebody else can put words into a file of ours: the same rule for every file whose text is run. */

/** Of `fs.Stats`. */
export interface Ownership {
  readonly uid: number
  readonly mode: number
}

/**
 * Why a file is not ours alone, and what to do; undefined when it is yours or root's and nobody else can write to it
 * (as OpenSSH's readconf.c asks of ~/.ssh/config). Where there are no user ids, every file is trusted.
 * @param me the user's id; default the process's
 */
export function othersMayWrite(path: string, { uid, mode }: Ownership, me = process.getuid?.()): string | undefined {
  if (me === undefined) return undefined
  if ((mode & 0o022) !== 0)
    return `others may write to it (mode ${(mode & 0o777).toString(8).padStart(4, '0')}); try: chmod go-w ${path}`
  return uid === 0 || uid === me ? undefined : `it belongs to user ${uid}`
}
