/** Identical outputs folded: 19 hosts that said the same are said once. Pure. */
import { createHash } from 'node:crypto'
import type { Outcome, Result } from '../adapter/types.js'
import { maskOwn } from './similar.js'

/** Hosts that ended the same way and wrote the same bytes. */
export interface OutputGroup {
  /** In the order of the results. */
  readonly hosts: readonly string[]
  readonly outcome: Outcome
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly truncated: boolean
}

/**
 * Groups results by outcome, exit status, signal and both streams; the largest group first, equals in the order of the
 * results. With `similar`, streams are compared without host names, addresses and times, and a group's text is that of
 * its first host.
 */
export function foldOutputs(
  results: readonly Result[],
  { similar = false }: { readonly similar?: boolean } = {},
): readonly OutputGroup[] {
  const compared = (bytes: Buffer, result: Result): string => digest(similar ? maskOwn(bytes, result) : bytes)
  const groups = new Map<string, OutputGroup & { readonly hosts: string[] }>()
  for (const result of results) {
    const { host, outcome, exitCode, signal, stdout, stderr, truncated } = result
    const key = JSON.stringify([
      outcome,
      exitCode,
      signal,
      truncated,
      compared(stdout, result),
      compared(stderr, result),
    ])
    const group = groups.get(key)
    if (group) group.hosts.push(host)
    else groups.set(key, { hosts: [host], outcome, exitCode, signal, stdout, stderr, truncated })
  }
  return [...groups.values()].sort((a, b) => b.hosts.length - a.hosts.length)
}

/** Hosts with the same reason for not having succeeded. */
export interface ReasonGroup {
  readonly hosts: readonly string[]
  readonly outcome: Outcome
  /** The error's message without the host's own name in front. */
  readonly reason: string
}

/** Groups the results that are not ok by outcome and reason, the largest group first. */
export function foldReasons(results: readonly Result[]): readonly ReasonGroup[] {
  return groupReasons(results, (result) => (result.outcome === 'ok' ? null : reasonOf(result)))
}

/** Groups the results that have something to add to their outcome; see `noteOf`. */
export function foldNotes(results: readonly Result[]): readonly ReasonGroup[] {
  return groupReasons(results, noteOf)
}

function groupReasons(results: readonly Result[], reasonFor: (result: Result) => string | null): ReasonGroup[] {
  const groups = new Map<string, ReasonGroup & { readonly hosts: string[] }>()
  for (const result of results) {
    const reason = reasonFor(result)
    if (reason === null) continue
    const key = `${result.outcome}\n${reason}`
    const group = groups.get(key)
    if (group) group.hosts.push(result.host)
    else groups.set(key, { hosts: [result.host], outcome: result.outcome, reason })
  }
  return [...groups.values()].sort((a, b) => b.hosts.length - a.hosts.length)
}

/**
 * Why a result is not ok, for people: the error's message without host, address and outcome in front, since host and
 * outcome stand beside it, and hosts that differ in nothing else fold.
 */
export function reasonOf({ error, outcome, host }: Pick<Result, 'error' | 'outcome' | 'host'>): string {
  const reason = withoutPlace(error?.message ?? outcome, host)
  return reason.startsWith(`${outcome}: `) ? reason.slice(outcome.length + 2) : reason
}

/** A message without the host's name and its address in front: of `web1 (10.0.0.1:22): connection refused` the last two words. */
export function withoutPlace(message: string, host: string): string {
  if (message.startsWith(`${host}: `)) return message.slice(host.length + 2)
  return message.startsWith(`${host} (`) ? message.slice(host.length + 1).replace(/^\([^)]*\): /, '') : message
}

/** What a reader must know of an output that is not all there was, or was not waited for; null when there is nothing. */
export function noteOf(result: Result): string | null {
  const last = result.attempts.at(-1)
  return last?.phase === 'run' && last.outcome === result.outcome ? (last.message ?? null) : null
}

/** Small outputs are their own key; large ones are compared by digest, so that the keys stay small. No output looks like the digest of another. */
function digest(bytes: Buffer): string {
  return bytes.length <= 64
    ? `=${bytes.toString('latin1')}`
    : `sha256:${bytes.length}:${createHash('sha256').update(bytes).digest('base64')}`
}
