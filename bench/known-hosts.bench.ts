/** Questions about hosts of a known_hosts file, in process: what they cost must not grow with its plain lines. */
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { judge, KnownHostsIndex } from '../dist/openssh/known-hosts.js'

const QUESTIONS = 200

/** The wire form of a fresh key (RFC 8709 §4). */
function key(): Buffer {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  return Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)])
}

test('known_hosts of 100 and of 10,000 lines', () => {
  const blob = key()
  const index = (lines: number): KnownHostsIndex => {
    const all = new KnownHostsIndex('known_hosts')
    for (let i = 0; i < lines; i++)
      all.append(`h${i},10.0.${i >> 8}.${i & 255} ssh-ed25519 ${blob.toString('base64')}`, `h${i}`)
    return all
  }
  const best = (lines: number): number => {
    const times = Array.from({ length: 5 }, () => {
      const known = index(lines) // a new one each time, because answers are remembered
      const start = performance.now()
      for (let i = 0; i < QUESTIONS; i++) expect(judge(blob, known.matches(`h${(i * 37) % lines}`)).kind).toBe('known')
      return performance.now() - start
    })
    return Math.min(...times)
  }
  const [small, large] = [best(100), best(10_000)]
  console.log(
    `known_hosts, ${QUESTIONS} questions: 100 lines ${small.toFixed(2)} ms, 10,000 lines ${large.toFixed(2)} ms, ratio ${(large / small).toFixed(2)} (target ≤ 1.5)`,
  )
})
