/**
 * Text on its way through stdin into a shell variable: a framing that needs nothing but `read`, `case` and assignments
 * on the other side. No temporary file, no external program in whose arguments the text would be seen, any POSIX sh.
 *
 * Each line of the text is sent as `+line`. A `*` line tells the reader to add what it has to the whole, every 64
 * lines, so that a long text is not copied once a line. `.line` is the last one; it has no newline of its own.
 */

/**
 * Defines `_xec_r`, which reads one framed text into `_xec_v`, and a newline in `_xec_n`. An end of stdin inside the
 * text (a lost connection) exits, so that half a script never runs. All of it is one line, because it is quoted for the
 * login shell, and a quoted text of csh must not hold a newline.
 */
export const READER =
  `_xec_n=$(printf '\\nx');_xec_n=\${_xec_n%x};` +
  '_xec_r(){ _xec_v=;_xec_c=;while IFS= read -r _xec_l;do case $_xec_l in ' +
  '+*)_xec_c=$_xec_c${_xec_l#?}$_xec_n;;' +
  '\\**)_xec_v=$_xec_v$_xec_c;_xec_c=;;' +
  '*)_xec_v=$_xec_v$_xec_c${_xec_l#?};return;;' +
  'esac;done;exit 255;};'

const FLUSH_EVERY = 64

/** The framed form of `text`, which must not hold a NUL byte (a shell variable cannot). */
export function frame(text: Buffer): Buffer {
  // latin1 keeps every byte as one character, whatever the encoding of the text.
  const lines = text.toString('latin1').split('\n')
  const last = lines.pop() ?? ''
  let framed = ''
  lines.forEach((line, index) => {
    framed += `+${line}\n`
    if ((index + 1) % FLUSH_EVERY === 0) framed += '*\n'
  })
  return Buffer.from(`${framed}.${last}\n`, 'latin1')
}
