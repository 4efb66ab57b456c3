/** Lines on their way from a stream of bytes to a loop, with backpressure. */
import { StringDecoder } from 'node:string_decoder'
import { DEFAULT_CAPTURE_BYTES } from '../adapter/capture.js'
import { XecError } from '../errors.js'

export class LineQueue implements AsyncIterable<string> {
  readonly #decoder = new StringDecoder('utf8')
  readonly #lines: string[] = []
  #rest = ''
  #delivered = false
  #over = false
  #failure: { readonly error: unknown } | null = null
  /** The reader waits for a line, or the writer for the reader; never both. */
  #wakeReader: () => void = () => {}
  #wakeWriter: () => void = () => {}

  /** @param maxLine characters; what has no line end for longer is refused */
  constructor(private readonly maxLine: number = DEFAULT_CAPTURE_BYTES) {}

  /** Takes bytes; the promise holds the stream back until the lines are read. @throws XecError XEC_MAX_BUFFER */
  push(chunk: Buffer): void | Promise<void> {
    this.#delivered = true
    if (this.#over) return
    this.#split(this.#decoder.write(chunk))
    if (this.#rest.length > this.maxLine)
      throw new XecError('XEC_MAX_BUFFER', `a line of the output is longer than maxBuffer (${this.maxLine} bytes)`, {
        executed: 'yes',
      })
    if (this.#lines.length === 0) return
    const read = new Promise<void>((resolve) => (this.#wakeWriter = resolve))
    this.#wakeReader()
    return read
  }

  /** Nothing more comes. @param stdout what the result has, for a command whose output did not come this way */
  end(stdout: string): void {
    this.#split(this.#delivered ? this.#decoder.end() : stdout)
    if (this.#rest !== '') this.#lines.push(this.#rest.replace(/\r$/, ''))
    this.#over = true
    this.#wakeReader()
  }

  /** The same; thrown to the reader after the last line. */
  fail(error: unknown): void {
    this.#failure = { error }
    this.end('')
  }

  /** Nobody reads any more. */
  drop(): void {
    this.#over = true
    this.#lines.length = 0
    this.#wakeWriter()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (;;) {
      while (this.#lines.length > 0) yield this.#lines.shift() as string
      if (this.#over) break
      this.#wakeWriter()
      await new Promise<void>((resolve) => (this.#wakeReader = resolve))
    }
    if (this.#failure) throw this.#failure.error
  }

  #split(text: string): void {
    const lines = text.split('\n')
    // Only what is new is searched: a line may come in any number of pieces.
    lines[0] = this.#rest + (lines[0] ?? '')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#lines.push(line.endsWith('\r') ? line.slice(0, -1) : line)
  }
}
