import { userInfo } from 'node:os'

/**
 * Who we are: as ssh asks, the password database; for a user without an entry there (a container's arbitrary uid) what the
 * environment says, and the uid where it says nothing.
 */
export function localUser(
  env: Readonly<Record<string, string | undefined>>,
  database: () => { readonly username: string } = userInfo,
): string {
  try {
    return database().username
  } catch {
    return env['USER'] || env['LOGNAME'] || String(process.getuid?.() ?? '')
  }
}
