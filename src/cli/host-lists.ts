/** Lists of hosts that a selection names: `^FILE`, and `-` for standard input. Read once, before the selection is evaluated. */
import { resolve } from 'node:path'
import { messageOf } from '../errors.js'
import { wordsOfList, type ListedWord } from '../inventory/name-list.js'
import type { ListLookup } from '../inventory/selector.js'
import { readBounded } from '../runtime/read-file.js'
import type { Io } from './io.js'
import type { OptionValues } from './options.js'
import { usage } from './values.js'

const LARGEST = 100_000_000

/**
 * @param asked paths, and `-`
 * @throws XecError XEC_CONFIG for a list that cannot be read
 */
export async function readHostLists(io: Io, asked: readonly string[]): Promise<ListLookup> {
  const found = new Map<string, readonly ListedWord[]>()
  for (const name of new Set(asked)) {
    try {
      const text = name === '-' ? await stdinText(io) : await fileText(resolve(io.cwd, name))
      found.set(name, wordsOfList(text))
    } catch (error) {
      const problem = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : messageOf(error)
      throw usage(`cannot read the hosts ${name === '-' ? 'from standard input' : `of ^${name}`}: ${problem}`)
    }
  }
  return { wordsOf: (name) => found.get(name) ?? [] }
}

async function fileText(path: string): Promise<string> {
  return (await readBounded(path, { largest: LARGEST })).bytes.toString('utf8')
}

async function stdinText(io: Io): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of io.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > LARGEST) throw new Error(`it is longer than ${LARGEST / 1_000_000} MB`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Standard input is one: of those that want it, there may be one alone.
 * @param lists the lists that the selection names
 * @throws XecError XEC_CONFIG
 */
export function checkStdinUsers(options: Pick<OptionValues, 'stdin' | 'script'>, lists: readonly string[]): void {
  const users = [
    ...(lists.includes('-') ? ['a - in the selection'] : []),
    ...(options.stdin === true ? ['--stdin'] : []),
    ...(options.script === '-' ? ['--script -'] : []),
  ]
  if (users.length > 1)
    throw usage(`${users.join(' and ')} both read standard input; put one of them into a file: -w ^FILE, --script FILE`)
}
