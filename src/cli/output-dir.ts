/** `--output-dir`: each host's output in files of its own, and the hosts by how they ended, for the next selection. */
import { createWriteStream, type WriteStream } from 'node:fs'
import { access, constants, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Result } from '../adapter/types.js'
import { messageOf } from '../errors.js'
import type { Report, RunEvent, RunObserver } from '../run/events.js'
import { usage } from './values.js'

type Streams = Record<'stdout' | 'stderr', WriteStream>

const SUFFIX = { stdout: 'out', stderr: 'err' } as const

export interface OutputDir {
  /** Writes output as it comes; a full disk is an error of the run, as for a redirected stdout. */
  readonly observer: RunObserver
  /** Writes `hosts.ok`, `hosts.failed` and `hosts.unknown`. */
  finish(report: Report): Promise<void>
}

/** Makes the directory. @throws XecError XEC_CONFIG when it cannot be written to */
export async function openOutputDir(cwd: string, given: string): Promise<OutputDir> {
  const directory = resolve(cwd, given)
  try {
    await mkdir(directory, { recursive: true })
    await access(directory, constants.W_OK | constants.X_OK)
  } catch (error) {
    throw usage(`--output-dir ${given}: ${messageOf(error)}`)
  }
  const open = new Map<number, Streams>()
  return {
    observer(event) {
      switch (event.type) {
        case 'sending':
          // A command that is sent again begins anew.
          return begin(directory, open, event)
        case 'output': {
          const stream = open.get(event.item)?.[event.stream]
          return stream && write(stream, event.chunk)
        }
        case 'result':
          return end(open, event.item)
        case 'started':
        case 'state':
        case 'finished':
          return undefined
      }
    },
    async finish({ results }) {
      for (const [name, belongs] of Object.entries(LISTS)) {
        const hosts = results.filter(belongs).map(({ host }) => `${host}\n`)
        await writeFile(join(directory, `hosts.${name}`), hosts.join(''))
      }
    },
  }
}

const LISTS: Readonly<Record<string, (result: Result) => boolean>> = {
  ok: ({ ok }) => ok,
  failed: ({ ok, executed }) => !ok && executed !== 'maybe',
  // Whether the command ran is not known: to run it again could run it twice.
  unknown: ({ ok, executed }) => !ok && executed === 'maybe',
}

/** A host's name as a file's: what could leave the directory, or hide, becomes an underscore. */
export function fileNameOf(host: string): string {
  return host.replace(/[/\\\0]/g, '_').replace(/^\.+/, '_')
}

async function begin(
  directory: string,
  open: Map<number, Streams>,
  { item, host }: Extract<RunEvent, { type: 'sending' }>,
): Promise<void> {
  await end(open, item)
  const streamOf = (name: keyof Streams): WriteStream =>
    createWriteStream(join(directory, `${fileNameOf(host)}.${SUFFIX[name]}`)).on('error', () => {})
  const streams = { stdout: streamOf('stdout'), stderr: streamOf('stderr') }
  open.set(item, streams)
  await Promise.all(Object.values(streams).map(opened))
}

function opened(stream: WriteStream): Promise<void> {
  return new Promise((done, failed) => {
    stream.once('open', () => done()).once('error', (error) => failed(problem(stream, error)))
  })
}

function write(stream: WriteStream, chunk: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    stream.write(chunk, (error) => (error ? failed(problem(stream, error)) : done()))
  })
}

async function end(open: Map<number, Streams>, item: number): Promise<void> {
  const streams = open.get(item)
  open.delete(item)
  if (!streams) return
  await Promise.all(Object.values(streams).map((stream) => new Promise<void>((done) => stream.end(() => done()))))
}

function problem(stream: WriteStream, error: unknown): Error {
  return new Error(`cannot write ${String(stream.path)}: ${messageOf(error)}`, { cause: error })
}
