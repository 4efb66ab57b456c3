/** Questions to the person at the terminal: on /dev/tty, so that stdin and stdout stay the data's, as ssh asks. */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import type { Prompt } from '../runtime/prompt.js'
import { sanitizeText } from './output/sanitize.js'

export interface TerminalOptions {
  /** Ctrl-C while the terminal does not make a signal of it. */
  readonly interrupt: () => void
  /** Aborted: every question is given up. */
  readonly signal: AbortSignal
  /** Around each question, so that nothing else draws on the terminal meanwhile. */
  readonly pause?: () => () => void
  /** Called on every way out of the process. */
  readonly onExit: (listener: () => void) => () => void
}

/**
 * The Prompt of this process; null when it has no controlling terminal (cron, CI, ssh without -t), so that whoever would
 * ask says that. One question at a time; the terminal is as it was after each, whatever happened.
 */
export function terminalPrompt(options: TerminalOptions): Prompt | null {
  try {
    closeSync(openSync('/dev/tty', 'r'))
  } catch {
    return null
  }
  let last: Promise<unknown> = Promise.resolve()
  return (question, { echo }) => {
    const answer = last.then(() => (options.signal.aborted ? null : ask(question, echo, options.signal, options)))
    last = answer.catch(() => {})
    return answer
  }
}

async function ask(
  question: string,
  echo: boolean,
  signal: AbortSignal,
  options: TerminalOptions,
): Promise<string | null> {
  let output: number
  let terminal: ReadStream
  try {
    output = openSync('/dev/tty', 'w')
  } catch {
    return null // it has gone
  }
  try {
    terminal = new ReadStream(openSync('/dev/tty', 'r'))
  } catch {
    closeSync(output)
    return null
  }
  const resume = options.pause?.()
  const restore = (): void => {
    if (terminal.isRaw) terminal.setRawMode(false)
  }
  const release = options.onExit(restore)
  try {
    // What was typed before the question is no answer to it, least of all to the one about a host key. In raw mode, where
    // a line without its Enter can be read too.
    terminal.setRawMode(true)
    discardTyped()
    // Before the question: who answers at once must not be echoed either.
    if (echo) terminal.setRawMode(false)
    writeSync(output, sanitizeText(question))
    return await readLine(terminal, signal, options.interrupt)
  } finally {
    restore()
    release()
    // In raw mode nobody has echoed the Enter, and after Ctrl-C the cursor stands behind the question.
    if (!echo || signal.aborted) writeSync(output, '\n')
    terminal.destroy()
    closeSync(output)
    resume?.()
  }
}

/** As tcflush(3), which Node does not have. */
function discardTyped(): void {
  const input = openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const room = Buffer.alloc(4_096)
    while (readSync(input, room) > 0);
  } catch {
    // EAGAIN: that was all.
  } finally {
    closeSync(input)
  }
}

/** One line; in raw mode with the keys that a terminal's own line editing has. null: Ctrl-C, Ctrl-D on an empty line, or aborted. */
function readLine(terminal: ReadStream, signal: AbortSignal, interrupt: () => void): Promise<string | null> {
  return new Promise((resolve) => {
    const line = new Line()
    const settle = (answer: string | null): void => {
      terminal.off('data', onData)
      signal.removeEventListener('abort', onAbort)
      terminal.pause()
      resolve(answer)
    }
    const onAbort = (): void => settle(null)
    const onData = (chunk: Buffer): void => {
      for (const byte of chunk) {
        const ended = line.press(byte)
        if (ended === undefined) continue
        settle(ended === 'enter' ? line.text : null)
        if (ended === 'interrupt') interrupt()
        return
      }
    }
    terminal.on('data', onData)
    // A terminal that goes away (hangup) gives no answer.
    terminal.once('error', onAbort)
    terminal.once('end', onAbort)
    signal.addEventListener('abort', onAbort)
  })
}

/** A line being typed. In cooked mode the kernel edits, and only whole lines arrive: the same keys then never come. */
export class Line {
  #bytes: number[] = []

  get text(): string {
    return Buffer.from(this.#bytes).toString('utf8')
  }

  /** Takes one byte; says when the line is over, and how. */
  press(byte: number): 'enter' | 'interrupt' | 'eof' | undefined {
    switch (byte) {
      case 0x0d:
      case 0x0a:
        return 'enter'
      case 0x03:
        return 'interrupt'
      case 0x04:
        return this.#bytes.length === 0 ? 'eof' : undefined
      case 0x7f:
      case 0x08:
        this.#erase()
        return undefined
      case 0x15:
        this.#bytes = []
        return undefined
      default:
        this.#bytes.push(byte)
        return undefined
    }
  }

  /** The last character: in UTF-8 its continuation bytes go with it. */
  #erase(): void {
    let byte = this.#bytes.pop()
    while (byte !== undefined && (byte & 0xc0) === 0x80) byte = this.#bytes.pop()
  }
}
