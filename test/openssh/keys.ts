/** Host keys in their wire form: of the right shape, and nobody's. */
import { createHash } from 'node:crypto'

function field(bytes: string | Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(bytes))
  return Buffer.concat([length, Buffer.from(bytes as string)])
}
const chance = (seed: string): Buffer => createHash('sha512').update(seed).digest()

export const ed25519 = (seed: string): Buffer =>
  Buffer.concat([field('ssh-ed25519'), field(chance(seed).subarray(0, 32))])
export const rsa = (seed: string): Buffer =>
  Buffer.concat([
    field('ssh-rsa'),
    field(Buffer.of(1, 0, 1)),
    field(Buffer.concat([Buffer.of(0, 0x80), ...[1, 2, 3, 4].map((n) => chance(seed + n))])),
  ])
export const ecdsa = (seed: string): Buffer =>
  Buffer.concat([field('ecdsa-sha2-nistp256'), field('nistp256'), field(Buffer.concat([Buffer.of(4), chance(seed)]))])

/** `type base64`, as it stands on a line. */
export function onLine(key: Buffer): string {
  return `${key.toString('latin1', 4, 4 + key.readUInt32BE(0))} ${key.toString('base64')}`
}
