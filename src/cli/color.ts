/** Whether to colour, and whether to draw: what flags, environment and streams say together. Pure. */

type Env = Readonly<Record<string, string | undefined>>

/**
 * The flag, then NO_COLOR (no-color.org: present and not empty), then FORCE_COLOR and CLICOLOR_FORCE, then what is
 * known of the stream: CLICOLOR=0 and TERM=dumb say no, a terminal says yes.
 */
export function wantsColor(flag: string | undefined, env: Env, stream: { readonly isTTY?: boolean }): boolean {
  if (flag === 'always') return true
  if (flag === 'never' || env['NO_COLOR']) return false
  const forced = env['FORCE_COLOR'] ?? env['CLICOLOR_FORCE']
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false'
  if (env['CLICOLOR'] === '0' || env['TERM'] === 'dumb') return false
  return stream.isTTY === true
}

/**
 * Whether the terminal shows UTF-8, by the first of LC_ALL, LC_CTYPE and LANG that says something (setlocale(3)):
 * `C`, `POSIX` and other codesets do not. Where nothing is said, it does.
 */
export function wantsUnicode(env: Env): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  if (locale === 'C' || locale === 'POSIX') return false
  const codeset = /\.([^@]*)/.exec(locale)?.[1]
  return codeset === undefined || /^utf-?8$/i.test(codeset)
}

/** A picture that is drawn over again needs a terminal that can, and someone who looks: not a build's log. */
export function wantsLive(env: Env, stream: { readonly isTTY?: boolean }): boolean {
  const ci = env['CI']
  return (
    stream.isTTY === true && env['TERM'] !== 'dumb' && (ci === undefined || ci === '' || ci === '0' || ci === 'false')
  )
}
