/** ssh2, loaded at the first dial: it costs 55 ms, which a program that never dials should not pay. */
import type * as ssh2 from 'ssh2'

export type Ssh2 = typeof ssh2

let loading: Promise<Ssh2> | undefined

export function loadSsh2(): Promise<Ssh2> {
  return (loading ??= import('ssh2').then((module) => module.default as unknown as Ssh2))
}
