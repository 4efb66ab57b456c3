/**
 * Texts that no writing common to all login shells can hold (newlines, more bytes than csh takes in a word), carried
 * through the login shell to /bin/sh. docs/design/quoting.md has the reasons. Pure.
 *
 * The line is `exec /bin/sh -c SCRIPT sh MODE ITEM…`. Each item is a word of at most 4,000 bytes without a newline. The
 * script puts the items together to texts, `$_xw_1`, `$_xw_2` …, and evaluates the last one.
 */
import { quoteForLogin } from './quote.js'
import { bytesOf, textOfBytes } from './wire-bytes.js'

/** How a text is to be written when the script puts it together. */
export type Item =
  /** As it is. */
  | { readonly kind: 'text'; readonly text: string }
  /** As the inside of single quotes of the login shell. */
  | { readonly kind: 'quoted'; readonly text: string }
  /** As a variable of the environment that holds the text number `of`; `kept`: fish gets it quoted instead. */
  | { readonly kind: 'variable'; readonly of: number; readonly kept: boolean }

/**
 * What the script takes the login shell for. `sh`: the texts are for /bin/sh, whatever that shell is. `login`: it is found
 * out. `short` and `alike`: the same, and a word is longer than Debian's csh takes. There `alike` lets /bin/sh read the line,
 * which means the same to both, and `short` ends with status 126.
 */
export type Mode = 'sh' | 'login' | 'alike' | 'short'

/** Every shell reads the probe in its own way: POSIX `\!\\`, fish `\!\`, csh and tcsh `!\\`. So it tells what it is. */
const PROBE = `'\\!\\\\'`
const MODES: Readonly<Record<Mode, string>> = {
  sh: 's',
  login: `n${PROBE}`,
  alike: `a${PROBE}`,
  short: `l${PROBE}`,
}

/**
 * The script: `_xw_s` replaces a character in `_xw_t` by a string. `_xw_d` does so for the four characters that stand for
 * `'`, `\`, `!` and newline in an item. Only builtin commands, so that no value is in the arguments of another program.
 */
const SCRIPT = [
  `set -f;_xw_l=$(printf '\\nx');_xw_l=\${_xw_l%x};_xw_b='\\';_xw_a="'";_xw_x=\${SHELL:-/bin/sh};_xw_n=1;_xw_v=;`,
  `case $1 in s)_xw_k=p;_xw_x=/bin/sh;;?!*)_xw_k=c;;*\\\\\\\\)_xw_k=p;;*)_xw_k=f;;esac;`,
  `case $_xw_k$1 in c[al]*)if "$_xw_x" -f -c 'exit $?tcsh' </dev/null;then case $1 in a*)_xw_k=p;_xw_x=/bin/sh;;`,
  `*)echo 'xec: csh takes no word of more than 4000 bytes, so the command was not run' >&2;exit 126;;esac;fi;;esac;shift;`,
  `_xw_s(){ case $_xw_t in *"$1"*);;*)return;;esac;_xw_r=$2;IFS=$1;set -- $_xw_t.;IFS=;_xw_t=$1;shift;`,
  `for _xw_f do _xw_t=$_xw_t$_xw_r$_xw_f;done;_xw_t=\${_xw_t%.};};`,
  `_xw_d(){ _xw_t=$2;case $1 in ?)return;;esac;_xw_c=\${1#?};case $1$_xw_k in `,
  `q*p)set -- "$_xw_a$_xw_b$_xw_a$_xw_a" "$_xw_b" ! "$_xw_l";;`,
  `q*f)set -- "$_xw_b$_xw_a" "$_xw_b$_xw_b" ! "$_xw_l";;`,
  `q*)set -- "$_xw_a$_xw_b$_xw_a$_xw_a" "$_xw_a$_xw_b$_xw_b$_xw_a" "$_xw_b!" "$_xw_b$_xw_l";;`,
  `*)set -- "$_xw_a" "$_xw_b" ! "$_xw_l";;esac;`,
  `_xw_s "\${_xw_c%???}" "$1";_xw_c=\${_xw_c#?};_xw_s "\${_xw_c%??}" "$2";_xw_c=\${_xw_c#?};`,
  `_xw_s "\${_xw_c%?}" "$3";_xw_s "\${_xw_c#?}" "$4";};`,
  `_xw_h(){ eval "_xw_t=\\$_xw_$2";case $1$_xw_k in kf)_xw_s "$_xw_b" "$_xw_b$_xw_b";_xw_s "$_xw_a" "$_xw_b$_xw_a";`,
  `_xw_t=$_xw_a$_xw_t$_xw_a;return;;esac;eval "_xw_h$2=\\$_xw_t;export _xw_h$2";`,
  `case $_xw_k in c)_xw_t="\\\${_xw_h$2:q}";;*)_xw_t="\\"\\$_xw_h$2\\"";;esac;};`,
  `while [ $# -gt 0 ];do case $1 in n)eval "_xw_$_xw_n=\\$_xw_v";_xw_v=;_xw_n=$((_xw_n+1));shift;continue;;`,
  `[hk])_xw_h "$1" "$2";;*)_xw_d "$1" "$2";;esac;_xw_v=$_xw_v$_xw_t;shift 2;done;unset IFS;set +f;eval "$_xw_v"`,
].join('')

const PREFIX = `exec /bin/sh -c ${quoteForLogin(SCRIPT)} sh `

/** Bytes of one item; its quotes and nothing else are added on the wire. */
const ITEM_BYTES = 3_900
/** What may stand for another character, the rarest first. `.` is the script's own. */
const STANDING = '^~|;#{}`<>&*?[]()$"=@%+_:,/-ZQXJKVYWUGBPFMDHNCLRTIASOEzqxjkvywugbpfmdhnclrtiasoe9876543210'
const TROUBLE = ["'", '\\', '!', '\n'] as const

/** The command line that gives `texts` to the script, and lets it evaluate the last one. */
export function carry(mode: Mode, texts: readonly (readonly Item[])[]): string {
  const words = texts.map((items) => items.flatMap(wordsOf).join(' ')).join(' n ')
  return `${PREFIX}${MODES[mode]} ${words}`
}

/** The line of `carry`, with its texts for /bin/sh in place of the login shell; any other line as it is. */
export function forSh(line: string): string {
  const mode = Object.values(MODES).find((each) => line.startsWith(`${PREFIX}${each} `))
  return mode === undefined ? line : `${PREFIX}${MODES.sh} ${line.slice(PREFIX.length + mode.length + 1)}`
}

function wordsOf(item: Item): string[] {
  if (item.kind === 'variable') return [item.kept ? 'k' : 'h', String(item.of)]
  const letter = item.kind === 'text' ? 't' : 'q'
  // latin1 keeps every byte as one character.
  const bytes = (bytesOf(item.text) ?? Buffer.alloc(0)).toString('latin1')
  const words: string[] = []
  for (let from = 0; from < bytes.length;) {
    const { end, key } = stretch(bytes, from)
    const piece = bytes.slice(from, end)
    const stood = key
      ? piece.replace(/['\\!\n]/g, (each) => key[TROUBLE.indexOf(each as (typeof TROUBLE)[number])] ?? each)
      : piece
    words.push(quoteForLogin(letter + key), quoteForLogin(textOfBytes(Buffer.from(stood, 'latin1'))))
    from = end
  }
  return words
}

/**
 * As much of the text from `from` as one item holds: as long as four characters are left that do not occur in it, and not
 * cut inside of a UTF-8 character. `key` is empty when no character of it needs another to stand for it.
 */
function stretch(bytes: string, from: number): { end: number; key: string } {
  const free = new Set(STANDING)
  let end = from
  while (end < bytes.length && end - from < ITEM_BYTES) {
    const character = bytes[end] ?? ''
    if (free.size === TROUBLE.length && free.has(character)) break
    free.delete(character)
    end += 1
  }
  for (let back = 0; back < 3 && end < bytes.length && /[\x80-\xbf]/.test(bytes[end] ?? ''); back += 1) end -= 1
  return { end, key: /['\\!\n]/.test(bytes.slice(from, end)) ? [...free].slice(0, TROUBLE.length).join('') : '' }
}
