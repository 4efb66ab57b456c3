/** What a server offers in its first KEXINIT (RFC 4253 §7.1), read from the bytes of the connection. Pure. */
import type { Negotiated, Offers } from './algorithms.js'

/** As many bytes as are worth keeping until the key exchange is over. */
export const OFFER_BYTES = 16_384

const KEXINIT = 20
const COOKIE_BYTES = 16

/** In the order of the message; from the ciphers on, a list for each direction. */
const LISTS: readonly (Negotiated | null)[] = ['kexAlgorithms', 'hostKeyAlgorithms', null, 'ciphers', null, 'macs']

/** The lists, or null when the bytes hold no whole KEXINIT. */
export function serverOffer(bytes: Buffer): Offers | null {
  const ident = /^SSH-[^\n]*\n/m.exec(bytes.toString('latin1'))
  if (!ident) return null
  let at = ident.index + ident[0].length
  // uint32 length, byte padding, byte type
  if (at + 6 > bytes.length || bytes[at + 5] !== KEXINIT) return null
  at += 6 + COOKIE_BYTES
  const offers: Partial<Record<Negotiated, readonly string[]>> = {}
  for (const kind of LISTS) {
    if (at + 4 > bytes.length) return null
    const length = bytes.readUInt32BE(at)
    if (at + 4 + length > bytes.length) return null
    const list = bytes.toString('latin1', at + 4, at + 4 + length)
    if (kind) offers[kind] = list === '' ? [] : list.split(',')
    at += 4 + length
  }
  return offers as Offers
}

/** Markers in the list of key exchanges that are no algorithms. */
const MARKERS = /^(ext-info-[cs]|kex-strict-[cs]-v00@openssh\.com)$/

/** Which list has nothing in common, and a sentence about it; null when each has. */
export function disagreement(
  ours: Offers,
  theirs: Offers,
): { readonly kind: Negotiated; readonly ours: readonly string[]; readonly theirs: readonly string[] } | null {
  for (const kind of ['kexAlgorithms', 'hostKeyAlgorithms', 'ciphers', 'macs'] as const) {
    if (ours[kind].some((name) => theirs[kind].includes(name))) continue
    return { kind, ours: ours[kind], theirs: theirs[kind].filter((name) => !MARKERS.test(name)) }
  }
  return null
}
