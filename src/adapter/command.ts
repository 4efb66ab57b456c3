/**
 * A command as it travels: the line of the exec request, and bytes that go ahead of the data on stdin. Pure.
 * A bare command goes as it is, to whatever login shell the account has (RFC 4254 §6.5). With env, cwd or a script
 * it is wrapped in `exec /bin/sh -c '…'`. What must not be seen in a process list, secrets and scripts, is read from stdin
 * by the wrapper, line by line: POSIX makes `read` stop at the newline, so that the data behind it is left alone.
 */
import { XecError } from '../errors.js'
import { Secret } from '../runtime/secret.js'
import { tellNoDirectory } from './directory.js'
import { carry, forSh, type Item } from './carrier.js'
import { LONGEST_WORD, quote, quoteDirectory, quoteForLogin } from './quote.js'
import { interpreterOf, scriptText } from './script.js'
import { LONGEST_LINE, LONGEST_VALUE, TOO_LONG } from './template-line.js'
import type { Command } from './types.js'
import { bytesOf, textOfBytes } from './wire-bytes.js'
import { frame, READER } from './wire-text.js'

export interface Encoded {
  /** What the exec request carries. */
  readonly line: string
  /** Sent on stdin before the data; empty for most commands. */
  readonly preamble: Buffer
  /** The directory that the command runs in, and the word by which its absence is told. @see DirectoryNews */
  readonly directory: { readonly path: string; readonly nonce: string } | null
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * @param nonce a random word, which no output has
 * @throws XecError XEC_CONFIG (executed no) when the command cannot be sent as asked: empty, too long, a NUL byte,
 * a value of more than 64 KB, a bad variable name, a script that is not text, or a secret or long script together with a terminal.
 */
export function encodeCommand(command: Command, nonce = 'x'): Encoded {
  const { line, script, cwd, pty } = command
  if (!script && line.trim() === '') throw unusable('the command is empty')
  if (script && line !== '') throw unusable('a command is a line or a script, not both')
  checkLine(line)
  const { plain, secrets } = environment(command.env ?? {})
  if (secrets.length > 0 && pty)
    throw unusable(
      `${secrets.map(([name]) => name).join(', ')}: a secret in env cannot be used with a terminal (-t), which would echo it`,
    )
  if (cwd !== undefined) checkValue('the directory', cwd)
  script?.args.forEach((each, at) => checkValue(`argument ${at + 1} of ${script.name}`, each))
  if (!script && plain.length === 0 && secrets.length === 0 && cwd === undefined)
    return checked({ line, preamble: Buffer.alloc(0), directory: null })

  const content = script && scriptText(script.name, script.content)
  const preamble = secrets.map(([, secret]) => frame(Buffer.from(secret.reveal())))
  if (content && !pty) preamble.push(frame(content))
  const steps: Steps = { ...command, nonce, line: forSh(line), plain, secrets: secrets.map(([name]) => name), content }
  // `exec`, which csh and fish have too, so that signals and the status are those of the command and not of a shell around it.
  const inline = `exec /bin/sh -c ${quoteForLogin(stepsOf(steps, quote, (text) => text))}`
  const fits = !inline.includes('\n') && (bytesOf(inline)?.length ?? Infinity) <= LONGEST_WORD
  return checked(
    {
      line: fits ? inline : carriedSteps(steps),
      preamble: Buffer.concat(preamble),
      directory: cwd === undefined ? null : { path: cwd, nonce },
    },
    Boolean(script && pty),
  )
}

interface Steps extends Command {
  readonly nonce: string
  readonly plain: readonly (readonly [string, string])[]
  readonly secrets: readonly string[]
  readonly content: Buffer | undefined
}

/** The same steps with each value a text of its own, which the steps name. */
function carriedSteps(steps: Steps): string {
  const values: Item[][] = []
  const name = (text: string): string => `"$_xw_${values.push([{ kind: 'text', text }])}"`
  const code = stepsOf(steps, name, (line) => `exec /bin/sh -c ${name(line)}`)
  return carry('sh', [...values, [{ kind: 'text', text: code }]])
}

/**
 * What /bin/sh does.
 * @param word writes a value
 * @param run writes the command line, which comes last
 */
function stepsOf(steps: Steps, word: (value: string) => string, run: (line: string) => string): string {
  const { line, script, content, cwd, pty, plain, secrets, nonce } = steps
  const inline = content && pty
  const parts: string[] = []
  if (secrets.length > 0 || (content && !inline)) parts.push(READER)
  for (const name of secrets) parts.push(`_xec_r;${name}=$_xec_v;export ${name};`)
  if (plain.length > 0) parts.push(`export ${plain.map(([name, value]) => `${name}=${word(value)}`).join(' ')};`)
  // A terminal would echo what travels on stdin and cut lines at 4 KiB, so there the script goes in the line.
  if (inline) parts.push(`_xec_n=$(printf '\\nx');_xec_n=\${_xec_n%x};_xec_v=${word(textOfBytes(content))};`)
  else if (content) parts.push('_xec_r;')
  else if (secrets.length > 0) parts.push('unset _xec_v _xec_c _xec_l _xec_n;unset -f _xec_r;')
  // `|| { …; exit; }` and not `&&`: of `cd X && a; b` the b would run in the wrong place.
  if (cwd !== undefined) {
    const where = quoteDirectory(cwd, word)
    parts.push(`CDPATH= cd -- ${where} || ${tellNoDirectory(where, nonce)};`)
  }
  parts.push(script ? runScript(interpreterOf(script.content), script.args, word) : run(line))
  return parts.join('')
}

/**
 * The script stands in a here-document, which the shell turns into a descriptor of its own, a pipe or a file already
 * unlinked; the expansion of `$_xec_v` in it is not expanded again. `exec` makes the interpreter the process that
 * gets the signals and gives the status. See docs/design/script.md.
 */
function runScript(interpreter: readonly string[], args: readonly string[], word: (value: string) => string): string {
  const words = [...[...interpreter, '/dev/fd/3'].map(quote), ...args.map(word)].join(' ')
  return `eval "exec "${quote(words)}" 3<<_XEC_END\${_xec_n}\\$_xec_v\${_xec_n}_XEC_END\${_xec_n}"`
}

function environment(env: Readonly<Record<string, string | Secret>>): {
  plain: [string, string][]
  secrets: [string, Secret][]
} {
  const plain: [string, string][] = []
  const secrets: [string, Secret][] = []
  for (const [name, value] of Object.entries(env)) {
    if (!NAME.test(name))
      throw unusable(
        `${JSON.stringify(name)} is not a name for an environment variable (letters, digits and _, not starting with a digit)`,
      )
    const text = value instanceof Secret ? value.reveal() : value
    if (text.includes('\0')) throw unusable(`the value of ${name} holds a NUL byte, which no environment variable can`)
    if (value instanceof Secret) secrets.push([name, value])
    else {
      checkValue(`the value of ${name}`, value)
      plain.push([name, value])
    }
  }
  return { plain, secrets }
}

function checkValue(what: string, value: string): void {
  if (value === '' && what === 'the directory') throw unusable('the directory is empty')
  if (value.includes('\0')) throw unusable(`${what} holds a NUL byte, which nothing on a command line can`)
  if (bytesOf(value) === null) throw unusable(`${what} holds a lone surrogate, half of a character`)
  if (Buffer.byteLength(value) > LONGEST_VALUE) throw unusable(tooLong(what, Buffer.byteLength(value)))
}

function tooLong(what: string, bytes: number | string): string {
  return `${what} is ${bytes} bytes long, and up to ${LONGEST_VALUE} bytes arrive safely in every shell; send it on stdin, or copy it to the host as a file`
}

/** By characters, because a whole character may have the mark as its second half. */
const TOO_LONG_VALUE = new RegExp(`${TOO_LONG}([0-9]*)`, 'u')

function checkLine(line: string): void {
  if (line.includes('\0')) throw unusable('the command holds a NUL byte')
  const refused = TOO_LONG_VALUE.exec(line)
  if (refused) throw unusable(tooLong('a value in the command', refused[1] ?? ''))
  if (bytesOf(line) === null) throw unusable('the command holds a lone surrogate, half of a character')
}

function checked(encoded: Encoded, inlineScript = false): Encoded {
  const bytes = bytesOf(encoded.line)?.length ?? 0
  if (bytes > LONGEST_LINE) {
    throw unusable(
      inlineScript
        ? `with a terminal (-t) the script travels in the command line, and with ${bytes} bytes it is longer than the ${LONGEST_LINE} that a remote system takes`
        : `the command is ${bytes} bytes long, more than the ${LONGEST_LINE} that a remote system takes; put it in a file and use --script`,
    )
  }
  return encoded
}

function unusable(message: string): XecError {
  return new XecError('XEC_CONFIG', message, { phase: 'exec' })
}
