/** Whose `~` it is. */
export interface Home {
  /** The local home directory. */
  readonly home: string
  readonly localUser: string
}

/**
 * `~` and `~/…`, and `~name` where the name is the local user's own.
 * @throws Error with the problem alone: somebody else's `~`
 */
export function expandTilde(path: string, { home, localUser }: Home): string {
  const match = /^~([^/]*)(.*)$/s.exec(path)
  if (!match) return path
  if (match[1] !== '' && match[1] !== localUser)
    throw new Error(`uses ~${match[1] ?? ''}: only your own home directory can be written with ~`)
  return home.replace(/\/+$/, '') + (match[2] ?? '') || '/'
}
