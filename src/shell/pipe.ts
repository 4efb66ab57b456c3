/** Where a command's stdout goes on to: another command's stdin, or a stream. */
import { once } from 'node:events'
import { PassThrough, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { isXecError } from '../errors.js'
import { CommandError, type ShellResult } from './result.js'
import type { RunCommand } from './run-command.js'
import { mergeSettings, type Settings } from './settings.js'

/** The output goes on; results and errors keep a little of both streams. */
const GOING_ON: Settings = { maxBuffer: 64 * 1024, reading: true }

/** A run whose stdout goes to a stream. The stream is ended, or broken off when the command did not end by itself. */
export function into(run: RunCommand, stream: Writable): RunCommand {
  return async (settings) => {
    const ours = stream !== process.stdout && stream !== process.stderr
    stream.on('error', ignore) // told by `write` and `end`
    try {
      const result = await run({ ...settings, ...GOING_ON, onStdout: (chunk) => write(stream, chunk) })
      // `nothrow` accepts a command that failed, not that half of an output passes for all of it.
      if (result.error && !isWhole(result.error)) throw result.error
      if (ours) await end(stream)
      return result
    } catch (error) {
      if (ours) {
        if (isWhole(error)) await end(stream)
        else stream.destroy(error instanceof Error ? error : undefined)
      }
      return accepted(error, settings)
    } finally {
      // Broken off, it says so a tick from now, and then that it is closed: the promise has told why already.
      const heed = (): void => void stream.off('error', ignore)
      if (stream.destroyed) stream.once('close', heed)
      else heed()
    }
  }
}

/** A run of `right` whose stdin is the stdout of `left`. */
export function through(left: RunCommand, right: RunCommand): RunCommand {
  return async (settings) => {
    const between = new PassThrough()
    between.on('error', ignore) // told by the two commands
    const stop = new AbortController()
    let rightOver = false
    let leftFailure: { readonly error: unknown } | null = null
    const source = left({
      ...GOING_ON,
      stop: stop.signal,
      onStdout: (chunk) => (rightOver ? undefined : write(between, chunk)),
    })
      .then(({ error }) => {
        // `nothrow` accepts a command that failed, not that half of an output passes for all of it.
        if (error && !isWhole(error)) throw error
        between.end()
      })
      .catch((error: unknown) => {
        // What came after the other command had enough is nobody's failure.
        if (!rightOver) leftFailure = { error }
        if (isWhole(error)) between.end()
        else between.destroy(error instanceof Error ? error : undefined)
      })
    let outcome: { readonly result: ShellResult } | { readonly error: unknown }
    try {
      outcome = { result: await right(mergeSettings(settings, { stdin: between })) }
    } catch (error) {
      outcome = { error }
    }
    rightOver = true
    between.destroy()
    stop.abort(new Error('the command that reads its output has ended'))
    await source
    if (leftFailure) return accepted((leftFailure as { readonly error: unknown }).error, settings)
    if ('error' in outcome) throw outcome.error
    return outcome.result
  }
}

/** `nothrow()` of the whole resolves with the result of the command that failed. @throws the error, without it, or when it is none of a command */
function accepted(error: unknown, { nothrow }: Settings): ShellResult {
  if (nothrow === true && error instanceof CommandError) return error.toResult()
  throw error
}

/** The output is all there was: the command ended by itself. */
function isWhole(error: unknown): boolean {
  return isXecError(error) && error.code === 'XEC_EXIT'
}

async function end(stream: Writable): Promise<void> {
  if (stream.errored) throw stream.errored
  if (stream.destroyed || stream.writableEnded) return
  stream.end()
  // Of a duplex (gzip, a socket) only this side is ours: what comes out of the other is somebody else's to read.
  await finished(stream, { readable: false })
}

function write(stream: Writable, chunk: Buffer): void | Promise<void> {
  if (stream.destroyed || stream.writableEnded)
    throw stream.errored ?? new Error('the stream that its output goes to is closed')
  if (stream.write(chunk)) return
  return drained(stream)
}

async function drained(stream: Writable): Promise<void> {
  const done = new AbortController()
  try {
    // A stream that closes will not drain.
    await Promise.race([once(stream, 'drain', done), once(stream, 'close', done)])
  } finally {
    done.abort()
  }
}

function ignore(): void {}
