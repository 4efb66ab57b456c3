/**
 * A command as it travels: the line of the exec request, and bytes that go ahead of the data on stdin. Pure.
 * A bare command goes as it is, to whatever login shell the account has (RFC 4254 §6.5). With env, cwd or a script
 * it is wrapped in `exec /bin/sh -c '…'`. What must not be seen in a process list, secrets and scripts, is read from stdin
 * by the wrapper, line by line: POSIX makes `read` stop at the newline, so that the data behind it is left alone.
 */
import { XecError } from '../errors.js'
import { Secret } from '../runtime/secret.js'
import { quote, quoteDirectory, quoteForLogin } from './quote.js'
import { interpreterOf, scriptText } from './script.js'
import type { Command } from './types.js'
import { frame, READER } from './wire-text.js'

export interface Encoded {
  /** What the exec request carries. */
  readonly line: string
  /** Sent on stdin before the data; empty for most commands. */
  readonly preamble: Buffer
}

/** Linux gives one argument of execve 128 KiB (MAX_ARG_STRLEN), and sshd hands the line to the shell as one. */
const MAX_LINE_BYTES = 128 * 1024 - 1

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * @throws XecError XEC_CONFIG (executed no) when the command cannot be sent as asked: empty, too long, a NUL byte,
 * a bad variable name, a script that is not text, or a secret or long script together with a terminal.
 */
export function encodeCommand(command: Command): Encoded {
  const { line, script, cwd, pty } = command
  if (!script && line.trim() === '') throw unusable('the command is empty')
  if (script && line !== '') throw unusable('a command is a line or a script, not both')
  const { exports, secrets } = environment(command.env ?? {})
  if (secrets.length > 0 && pty)
    throw unusable(
      `${secrets.map(([name]) => name).join(', ')}: a secret in env cannot be used with a terminal (-t), which would echo it`,
    )
  if (!script && exports === '' && secrets.length === 0 && cwd === undefined)
    return checked({ line, preamble: Buffer.alloc(0) })

  const parts: string[] = []
  const preamble: Buffer[] = []
  const inline = script !== undefined && pty !== undefined
  if (secrets.length > 0 || (script && !inline)) parts.push(READER)
  for (const [name, secret] of secrets) {
    parts.push(`_xec_r;${name}=$_xec_v;export ${name};`)
    preamble.push(frame(Buffer.from(secret.reveal())))
  }
  if (exports) parts.push(`export ${exports};`)
  if (script) {
    const content = scriptText(script.name, script.content)
    // A terminal would echo what travels on stdin and cut lines at 4 KiB, so there the script goes in the line.
    if (inline) parts.push(`_xec_n=$(printf '\\nx');_xec_n=\${_xec_n%x};_xec_v=${quote(content.toString('utf8'))};`)
    else {
      parts.push('_xec_r;')
      preamble.push(frame(content))
    }
  } else if (secrets.length > 0) parts.push('unset _xec_v _xec_c _xec_l _xec_n;unset -f _xec_r;')
  if (cwd !== undefined) {
    if (cwd === '') throw unusable('the directory is empty')
    // `|| exit` and not `&&`: of `cd X && a; b` the b would run in the wrong place.
    parts.push(`CDPATH= cd -- ${quoteDirectory(cwd)} || exit;`)
  }
  parts.push(script ? runScript(interpreterOf(script.content), script.args) : line)
  // `exec`, which csh and fish have too, so that signals and the status are those of the command and not of a shell around it.
  const encoded = { line: `exec /bin/sh -c ${quoteForLogin(parts.join(''))}`, preamble: Buffer.concat(preamble) }
  return checked(encoded, inline)
}

/**
 * The script stands in a here-document, which the shell turns into a descriptor of its own, a pipe or a file already
 * unlinked; the expansion of `$_xec_v` in it is not expanded again. `exec` makes the interpreter the process that
 * gets the signals and gives the status. See docs/design/script.md.
 */
function runScript(interpreter: readonly string[], args: readonly string[]): string {
  const words = [...interpreter, '/dev/fd/3', ...args].map(quote).join(' ')
  return `eval "exec "${quote(words)}" 3<<_XEC_END\${_xec_n}\\$_xec_v\${_xec_n}_XEC_END\${_xec_n}"`
}

function environment(env: Readonly<Record<string, string | Secret>>): { exports: string; secrets: [string, Secret][] } {
  const exports: string[] = []
  const secrets: [string, Secret][] = []
  for (const [name, value] of Object.entries(env)) {
    if (!NAME.test(name))
      throw unusable(
        `${JSON.stringify(name)} is not a name for an environment variable (letters, digits and _, not starting with a digit)`,
      )
    const text = value instanceof Secret ? value.reveal() : value
    if (text.includes('\0')) throw unusable(`the value of ${name} holds a NUL byte, which no environment variable can`)
    if (value instanceof Secret) secrets.push([name, value])
    else exports.push(`${name}=${quote(value)}`)
  }
  return { exports: exports.join(' '), secrets }
}

function checked(encoded: Encoded, inlineScript = false): Encoded {
  if (encoded.line.includes('\0')) throw unusable('the command holds a NUL byte')
  const bytes = Buffer.byteLength(encoded.line)
  if (bytes > MAX_LINE_BYTES) {
    throw unusable(
      inlineScript
        ? `with a terminal (-t) the script travels in the command line, and with ${bytes} bytes it is longer than the ${MAX_LINE_BYTES} that a remote system takes`
        : `the command is ${bytes} bytes long, more than the ${MAX_LINE_BYTES} that a remote system takes; put it in a file and use --script`,
    )
  }
  return encoded
}

function unusable(message: string): XecError {
  return new XecError('XEC_CONFIG', message, { phase: 'exec' })
}
