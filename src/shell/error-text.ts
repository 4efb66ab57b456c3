/** A command that failed, in words: which one, what its exit status means, what it said last. Pure. */
import { stripVTControlCharacters } from 'node:util'
import { quote } from '../adapter/quote.js'
import type { Result } from '../adapter/types.js'
import type { XecError } from '../errors.js'
import { printable } from '../transport/words.js'

/** Characters of a command that a message shows. */
const COMMAND_SHOWN = 120
/** Lines of stderr that a message shows, each cut at 200 characters. */
const LINES_SHOWN = 5
/** Bytes from the end of stderr in which they are looked for. */
const TAIL_BYTES = 8 * 1024

/** Signals by number, where every system agrees (POSIX `kill`, XCU). */
const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  6: 'SIGABRT',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
}

/** What a status says by convention of the shell (XCU 2.8.2); empty where it is the command's own. */
export function meaningOf(exitCode: number): string {
  if (exitCode === 126) return 'the command was found, but could not be executed'
  if (exitCode === 127) return 'command not found'
  const signal = exitCode - 128
  if (signal < 1 || signal > 64) return ''
  return `128+${signal}: killed by ${SIGNALS[signal] ?? `signal ${signal}`}`
}

/** The message of a command's error: that of the adapter, with the meaning of an exit status. One line. */
export function messageFor({ exitCode }: Result, { code, message }: XecError): string {
  const meaning = code === 'XEC_EXIT' && exitCode !== null ? meaningOf(exitCode) : ''
  return `${message}${meaning && ` (${meaning})`}`
}

/**
 * What the stack shows between the message and the frames: the command, and the last lines of stderr. Not part of the
 * message, in which only a lost connection says `Connection closed` (docs/semantics.md), whatever a command says.
 */
export function detailsFor({ stderr }: Result, command: string): string {
  const lines = lastLines(stderr).map((line) => `stderr: ${line}`)
  return (command === '' ? lines : [`command: ${shortened(command)}`, ...lines]).map((line) => `\n  ${line}`).join('')
}

/** One line, cut in its middle: a command's end tells as much as its beginning. */
function shortened(command: string): string {
  const line = command.replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  const characters = [...line]
  if (characters.length <= COMMAND_SHOWN) return line
  const half = Math.floor((COMMAND_SHOWN - 3) / 2)
  return `${characters.slice(0, half).join('')} … ${characters.slice(-half).join('')}`
}

function lastLines(stderr: Buffer): string[] {
  const tail = stderr.subarray(-TAIL_BYTES).toString('utf8')
  return stripVTControlCharacters(tail)
    .split(/\r?\n|\r/)
    .map(printable)
    .filter((line) => line !== '')
    .slice(-LINES_SHOWN)
}

/** A text with each secret replaced, also as it is quoted. One of less than four characters hides nothing, and would tear the text. */
export function redacted(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= 4)
    .flatMap((secret) => [secret, quote(secret)])
    .sort((a, b) => b.length - a.length)
    .reduce((told, secret) => told.replaceAll(secret, '[secret]'), text)
}
