/** What differs from host to host without meaning anything: names, addresses and times, masked before outputs are compared. Pure. */
import type { Result } from '../adapter/types.js'

const MASKS: readonly (readonly [pattern: RegExp, mask: string])[] = [
  // A MAC address; IPv6 in full, or with its `::`; IPv4.
  [/(?<![\w:])(?:[0-9a-f]{2}:){5}[0-9a-f]{2}(?![\w:])/gi, '<address>'],
  [/(?<![\w:.])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:.])/gi, '<address>'],
  [
    /(?<![\w:.])(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?(?:%\w+)?(?![\w:.])/gi,
    '<address>',
  ],
  [/(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/g, '<address>'],
  // ISO 8601 and RFC 3339: 2026-11-29T14:02:07.123Z, 2026-11-29 14:02:07 +0100, 2026-11-29.
  [/(?<![\w-])\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?(?![\w-])/g, '<time>'],
  // date(1), syslog, ls -l: Sun Nov 29 14:02:07 UTC 2026, Nov 29 14:02:07, Nov 29 14:02, 29 Nov 2026.
  [
    /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}|\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))(?: \d{4})?(?:,? +\d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?)?(?: [A-Z]{3,5})?(?: \d{4})?\b/g,
    '<time>',
  ],
  // A time of day: 14:02, 14:02:07.123.
  [/(?<![\w.:>])\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?![\w:])/g, '<time>'],
]

/**
 * The bytes with the host's own name (whole, and up to its first dot), addresses and times replaced by marks. Hosts whose
 * outputs are the same after that are similar.
 */
export function maskOwn(bytes: Buffer, { host, address }: Pick<Result, 'host' | 'address'>): Buffer {
  if (bytes.length === 0) return bytes
  // latin1 keeps every byte as one character, whatever the encoding.
  let text = bytes.toString('latin1')
  for (const name of namesOf(host, address))
    text = text.replace(new RegExp(`(?<![\\w-])${escaped(name)}(?![\\w-])`, 'gi'), '<host>')
  for (const [pattern, mask] of MASKS) text = text.replace(pattern, mask)
  return Buffer.from(text, 'latin1')
}

function namesOf(host: string, address: string): readonly string[] {
  const place = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
  // An address is masked as one, whoever's it is.
  const words = [place, host].filter((name) => !/^[\da-f.:]+$/i.test(name) || /^[a-f]+$/i.test(name))
  return [...new Set(words.flatMap((name) => [name, name.split('.')[0] ?? name]))]
    .filter((name) => name !== '')
    .sort((a, b) => b.length - a.length)
}

function escaped(name: string): string {
  return Buffer.from(name, 'utf8')
    .toString('latin1')
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
