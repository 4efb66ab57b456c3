/** A key exchange that finds no algorithm in common, told with what both sides offer and what to try. */
import { ruleOf, type Negotiated, type Offers } from './algorithms.js'
import { dialError } from './dial-error.js'
import { disagreement } from './server-offer.js'
import type { DialError, Target } from './transport.js'
import { printable } from './words.js'

const WHAT: Readonly<Record<Negotiated, string>> = {
  kexAlgorithms: 'key exchange',
  hostKeyAlgorithms: 'host key algorithm',
  ciphers: 'cipher',
  macs: 'MAC',
}

/** Null when each list has something in common. */
export function noAgreement(target: Target, ours: Offers, theirs: Offers, cause: Error): DialError | null {
  const found = disagreement(ours, theirs)
  if (!found) return null
  const { kind } = found
  const rule = ruleOf(target, kind)
  const allowed = target.rules?.[kind] === undefined ? 'xec allows' : `${rule} allows`
  const old = found.theirs[0]
  const cure =
    old === undefined
      ? ''
      : `; if you trust that server, allow one of its own with ${rule.split(' ')[0] ?? ''} +${printable(old)} in ~/.ssh/config`
  return dialError(
    target,
    'XEC_CONNECT',
    'kex',
    'final',
    `no ${WHAT[kind]} in common: the server offers ${printable(found.theirs.join(', ')) || 'nothing'}; ${allowed} ${found.ours.join(', ')}${cure}`,
    cause,
  )
}
