/** A report as data: the counts of its outcomes, and the JSON document of docs/output.md. Pure. */
import { isUtf8 } from 'node:buffer'
import { OUTCOMES, type CommandAttempt, type Outcome, type RemoteProcess, type Result } from '../adapter/types.js'
import type { ErrorCode, Executed, Phase, XecError } from '../errors.js'
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { Report } from './events.js'

/** How often each outcome occurred, and `total`. */
export type Counts = Report['counts']

/** How a stream stands in JSON: as text when its bytes are valid UTF-8, else as base64. */
export type StreamEncoding = 'utf8' | 'base64'

export interface ErrorDocument {
  readonly code: ErrorCode
  readonly message: string
  readonly phase: Phase
  readonly executed: Executed
  readonly safeToRetry: boolean
}

export interface HostDocument {
  readonly host: string
  readonly address: string
  readonly outcome: Outcome
  readonly exitCode: number | null
  readonly signal: string | null
  readonly executed: Executed
  /** `exited` also when the command ran to its end in the ordinary way; null when it never started or nothing is known. */
  readonly remoteProcess: RemoteProcess | null
  readonly stdout: string
  readonly stdoutEncoding: StreamEncoding
  readonly stderr: string
  readonly stderrEncoding: StreamEncoding
  readonly truncated: boolean
  /** Whole milliseconds, like the other times here. */
  readonly durationMs: number
  readonly waitMs: number
  readonly connectMs: number
  readonly reused: boolean
  readonly connection: number | null
  readonly attempts: readonly CommandAttempt[]
  readonly error: ErrorDocument | null
}

export interface ReportDocument {
  readonly schemaVersion: 1
  readonly command: string
  readonly startedAt: string
  readonly durationMs: number
  readonly ok: boolean
  readonly counts: Counts
  readonly hosts: readonly HostDocument[]
  readonly pool: PoolSnapshot
}

/** Counts results by outcome; every outcome is present, with 0 when it did not occur. */
export function countOutcomes(results: Iterable<{ readonly outcome: Outcome }>): Counts {
  const counts: Record<Outcome | 'total', number> = {
    total: 0,
    ...(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>),
  }
  for (const { outcome } of results) {
    counts.total++
    counts[outcome]++
  }
  return counts
}

/** The report as the JSON document of docs/output.md: these fields, in this order. */
export function toJson(report: Report, snapshot: PoolSnapshot): ReportDocument {
  return { ...head(report), hosts: report.results.map(hostDocument), pool: snapshot }
}

/**
 * The text of `toJson`'s document in pieces, one host a line, so that captured output near its limit of 256 MiB
 * never has to stand in memory a second time, nor in one string (V8's longest is 512 MiB).
 * @param snapshot null for a run that was not seen to its end
 * @param more further fields of the document
 */
export function* jsonText(
  report: Report,
  snapshot: PoolSnapshot | null,
  more: Readonly<Record<string, unknown>> = {},
): Generator<string> {
  yield `${JSON.stringify({ ...head(report), ...more }).slice(0, -1)},\n"hosts":[`
  let separator = '\n'
  for (const result of report.results) {
    yield separator + JSON.stringify(hostDocument(result))
    separator = ',\n'
  }
  yield `],\n"pool":${JSON.stringify(snapshot)}}\n`
}

function head(report: Report): Omit<ReportDocument, 'hosts' | 'pool'> {
  return {
    schemaVersion: 1,
    command: report.command,
    startedAt: report.startedAt,
    durationMs: Math.round(report.durationMs),
    ok: report.ok,
    counts: report.counts,
  }
}

/** One host of the JSON document. */
export function hostDocument(result: Result): HostDocument {
  const { host, address, outcome, exitCode, signal, executed, remoteProcess, ...rest } = resultDocument(result)
  return {
    host,
    address,
    outcome,
    exitCode,
    signal,
    executed,
    remoteProcess,
    ...outputDocument(result),
    ...rest,
  }
}

type OutputDocument = Pick<HostDocument, 'stdout' | 'stdoutEncoding' | 'stderr' | 'stderrEncoding'>

function outputDocument(result: Result): OutputDocument {
  const stdout = streamText(result.stdout)
  const stderr = streamText(result.stderr)
  return {
    stdout: stdout.text,
    stdoutEncoding: stdout.encoding,
    stderr: stderr.text,
    stderrEncoding: stderr.encoding,
  }
}

/** One host of the JSON document without its output. */
export function resultDocument(result: Result): Omit<HostDocument, keyof OutputDocument> {
  return {
    host: result.host,
    address: result.address,
    outcome: result.outcome,
    exitCode: result.exitCode,
    signal: result.signal,
    executed: result.executed,
    remoteProcess: result.remoteProcess ?? (result.exitCode !== null || result.signal !== null ? 'exited' : null),
    truncated: result.truncated,
    durationMs: Math.round(result.durationMs),
    waitMs: Math.round(result.waitMs),
    connectMs: Math.round(result.connectMs),
    reused: result.reused,
    connection: result.connection,
    attempts: result.attempts.map((attempt) => ({ ...attempt, ms: Math.round(attempt.ms) })),
    error: result.error && errorDocument(result.error),
  }
}

/** A stream as it stands in JSON. */
export function streamText(bytes: Buffer): { text: string; encoding: StreamEncoding } {
  return isUtf8(bytes)
    ? { text: bytes.toString('utf8'), encoding: 'utf8' }
    : { text: bytes.toString('base64'), encoding: 'base64' }
}

function errorDocument(error: XecError): ErrorDocument {
  return {
    code: error.code,
    message: error.message,
    phase: error.phase,
    executed: error.executed,
    safeToRetry: error.safeToRetry,
  }
}
