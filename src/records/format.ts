/**
 * A record as lines of JSON, in the order in which things happened. A file is only ever appended to, so what was
 * written before a crash still holds: a line that is cut off was never acted on. Pure.
 */
import { OUTCOMES, type Outcome } from '../adapter/types.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { RunItem } from '../run/dispatcher.js'
import type { HostDocument, StreamEncoding } from '../run/report.js'
import type { ProcessIdentity } from '../stats/process.js'

/** Bytes as JSON: text when they are UTF-8, else base64. */
export interface Text {
  readonly text: string
  readonly encoding: StreamEncoding
}

/** What was asked for: enough to ask for it again. Holds no secret: a forwarded variable is stored by its name. */
export interface RunRequest {
  /** The xec command: `exec-all`, `run`, `rerun`. */
  readonly name: string
  /** The words of the remote command, or the arguments of the script. */
  readonly words: readonly string[]
  readonly script: ({ readonly name: string } & Text) | null
  /** Options of the command line by their names in its table, with their values as they were read. */
  readonly options: Readonly<Record<string, unknown>>
  /** Those of them that came from environment variables. */
  readonly fromEnv: readonly string[]
  /** Whether the hosts were sent an input, which is not stored. `perhaps`: a `stdin` line may say more. */
  readonly stdin: 'none' | 'sent' | 'perhaps'
}

/** The first line. */
export interface RunLine extends ProcessIdentity {
  readonly type: 'run'
  readonly schemaVersion: 1
  readonly id: string
  /** The remote command, for people. */
  readonly command: string
  /** ISO 8601. */
  readonly startedAt: string
  /** Who ran it, on which machine, from which directory. */
  readonly user: string
  readonly machine: string
  readonly cwd: string
  /** The configuration file; null when there was none. */
  readonly config: string | null
  readonly request: RunRequest
  /** The run that this one repeats in part. */
  readonly rerunOf: string | null
}

type ItemLine = { readonly item: number; readonly host: string }

export type RecordLine =
  | RunLine
  | { readonly type: 'hosts'; readonly items: readonly RunItem[] }
  /** Written before the exec request leaves. A second one for an item: it is sent again, and its output so far is void. */
  | (ItemLine & { readonly type: 'sent'; readonly at: string })
  | (ItemLine & { readonly type: 'output'; readonly stream: 'stdout' | 'stderr' } & Text)
  /** No more of this stream is stored. */
  | (ItemLine & { readonly type: 'cut'; readonly stream: 'stdout' | 'stderr' })
  | (ItemLine & { readonly type: 'result'; readonly result: StoredResult })
  | { readonly type: 'stdin'; readonly bytes: number }
  | { readonly type: 'pool'; readonly pool: PoolSnapshot }
  | EndLine

/** A host's part of the JSON document, without its output, which has lines of its own. */
export type StoredResult = Omit<HostDocument, 'stdout' | 'stdoutEncoding' | 'stderr' | 'stderrEncoding'>

/** The last line: short, so that a list of runs need not read what stands before it. */
export interface EndLine {
  readonly type: 'end'
  readonly durationMs: number
  readonly ok: boolean
  readonly counts: Readonly<Record<Outcome | 'total', number>>
}

export const bytesOf = ({ text, encoding }: Text): Buffer => Buffer.from(text, encoding)

export function lineText(line: RecordLine): string {
  return `${JSON.stringify(line)}\n`
}

/** @returns undefined for a line that is cut off, or of no kind that is known here */
export function parseLine(text: string): RecordLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isFields(value) || typeof value['type'] !== 'string' || !Object.hasOwn(CHECKS, value['type'])) return undefined
  return CHECKS[value['type'] as RecordLine['type']](value) ? (value as unknown as RecordLine) : undefined
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isList = (value: unknown, each: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(each)
const isItem = ({ item, host }: Fields): boolean => isNumber(item) && isText(host)
const isStream = (value: unknown): boolean => value === 'stdout' || value === 'stderr'
const isBytes = ({ text, encoding }: Fields): boolean => isText(text) && (encoding === 'utf8' || encoding === 'base64')

const CHECKS: { readonly [K in RecordLine['type']]: (line: Fields) => boolean } = {
  run: (line) =>
    line['schemaVersion'] === 1 &&
    ['id', 'command', 'startedAt', 'user', 'machine', 'cwd', 'startTime'].every((name) => isText(line[name])) &&
    !Number.isNaN(Date.parse(String(line['startedAt']))) &&
    isNumber(line['pid']) &&
    (line['startedBy'] === 'proc' || line['startedBy'] === 'wall') &&
    (line['config'] === null || isText(line['config'])) &&
    (line['rerunOf'] === null || isText(line['rerunOf'])) &&
    isRequest(line['request']),
  hosts: (line) =>
    isList(
      line['items'],
      (each) => isFields(each) && isNumber(each['id']) && isText(each['host']) && isText(each['address']),
    ),
  sent: (line) => isItem(line) && isText(line['at']),
  output: (line) => isItem(line) && isStream(line['stream']) && isBytes(line),
  cut: (line) => isItem(line) && isStream(line['stream']),
  result: (line) => isItem(line) && isResult(line['result']),
  stdin: (line) => isNumber(line['bytes']),
  pool: (line) => isFields(line['pool']),
  end: (line) => isNumber(line['durationMs']) && typeof line['ok'] === 'boolean' && isFields(line['counts']),
}

function isRequest(value: unknown): boolean {
  if (!isFields(value)) return false
  const { name, words, script, options, fromEnv, stdin } = value
  return (
    isText(name) &&
    isList(words, isText) &&
    (script === null || (isFields(script) && isText(script['name']) && isBytes(script))) &&
    isFields(options) &&
    isList(fromEnv, isText) &&
    (stdin === 'none' || stdin === 'sent' || stdin === 'perhaps')
  )
}

function isResult(value: unknown): boolean {
  if (!isFields(value)) return false
  return (
    isText(value['host']) &&
    isText(value['address']) &&
    OUTCOMES.includes(value['outcome'] as Outcome) &&
    ['no', 'maybe', 'yes'].includes(String(value['executed'])) &&
    Array.isArray(value['attempts']) &&
    (value['error'] === null || isFields(value['error']))
  )
}
