/** Agents as ssh2 wants them: the user's, filtered and impatient; and one of our own for a key that is still encrypted. */
import type { Duplex } from 'node:stream'
import type { BaseAgent, OpenSSHAgent, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2'
import { messageOf } from '../errors.js'
import type { Clock } from '../runtime/clock.js'
import type { Ssh2 } from './library.js'

/** An agent that does not list its keys in this time is left out; signing may wait for a person's touch. */
const LIST_TIMEOUT_MS = 5_000

export interface AgentFilter {
  /** Offer only these public keys (IdentitiesOnly); null for all. */
  readonly only: readonly Buffer[] | null
  /** Keys that are offered in another way. */
  readonly except: readonly Buffer[]
  /** Why a key may not be offered; undefined when it may. */
  readonly refuses?: (publicBlob: Buffer) => string | undefined
  /** Hears, for messages, why it has no keys. */
  readonly onFailed: (why: string, error?: unknown) => void
  /** Hears, for messages, of certificates among its keys, by their comments; ssh2 passes over them. */
  readonly onCertificates: (names: readonly string[]) => void
}

/** An agent's keys, each as an agent of its own, because ssh2 asks no authHandler between the keys of one. */
export interface UserAgent {
  /** Never rejects: an agent that fails has no keys, and `onFailed` hears why. */
  list(): Promise<readonly BaseAgent[]>
  /** Shuts what is still open to it, when the dial is over: ssh2 would wait for ever. */
  release(): void
}

/** The agent behind a socket. Whatever goes wrong with it, authentication goes on with the next method. */
export function userAgent(
  ssh2: Ssh2,
  clock: Clock,
  socketPath: string,
  { only, except, refuses = () => undefined, onFailed, onCertificates }: AgentFilter,
): UserAgent {
  const inner = ssh2.createAgent(socketPath) as OpenSSHAgent
  const streams = new Set<Duplex>()
  let listing = false
  const getStream = inner.getStream.bind(inner)
  inner.getStream = (reply) =>
    getStream((error, stream) => {
      if (stream) {
        streams.add(stream)
        if (listing) listenForCertificates(stream, onCertificates)
        stream.once('close', () => streams.delete(stream))
      }
      reply(error, stream)
    })
  const release = (): void => {
    for (const stream of streams) stream.destroy()
  }
  class OneKey extends ssh2.BaseAgent {
    constructor(private readonly key: ParsedKey) {
      super()
    }

    override getIdentities(reply: (error?: Error | null, keys?: ParsedKey[]) => void): void {
      reply(null, [this.key])
    }

    override sign(
      key: ParsedKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      reply?: SignCallback,
    ): void {
      inner.sign(key, data, options as SigningRequestOptions, reply)
    }
  }
  const isWanted = (key: ParsedKey): boolean => {
    const blob = key.getPublicSSH()
    const same = (other: Buffer): boolean => other.equals(blob)
    return refuses(blob) === undefined && !except.some(same) && (only === null || only.some(same))
  }
  const list = (): Promise<readonly BaseAgent[]> =>
    new Promise((resolve) => {
      const failed = (why: string, error?: unknown): void => {
        timer.clear()
        onFailed(why, error)
        resolve([])
      }
      const timer = clock.timer(LIST_TIMEOUT_MS, () => {
        failed('it does not answer')
        release()
      })
      listing = true
      inner.getIdentities((error, keys) => {
        listing = false
        if (error) return failed(messageOf(error), error)
        timer.clear()
        const parsed = (keys ?? [])
          .map((key) => ssh2.utils.parseKey(key as ParsedKey))
          .filter((key): key is ParsedKey => !(key instanceof Error))
        resolve(parsed.filter(isWanted).map((key) => new OneKey(key)))
      })
    })
  return { list, release }
}

const IDENTITIES_ANSWER = 12
/** No agent's list of keys is longer (authfd.c of OpenSSH). */
const MAX_ANSWER = 256 * 1024

/** Reads the agent's answer along with ssh2. */
function listenForCertificates(stream: Duplex, found: (names: readonly string[]) => void): void {
  let answer: Buffer | null = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    if (!answer) return
    answer = Buffer.concat([answer, chunk])
    if (answer.length < 4 || answer.length < Math.min(MAX_ANSWER, 4 + answer.readUInt32BE(0))) return
    const names = certificatesIn(answer.subarray(4))
    answer = null
    if (names.length > 0) found(names)
  })
}

/** The comments of the certificates in SSH_AGENT_IDENTITIES_ANSWER: a count, then blob and comment of each key. */
export function certificatesIn(message: Buffer): string[] {
  if (message[0] !== IDENTITIES_ANSWER) return []
  const names: string[] = []
  let at = 5
  const field = (): Buffer | null => {
    if (at + 4 > message.length) return null
    const end = at + 4 + message.readUInt32BE(at)
    const value = end <= message.length ? message.subarray(at + 4, end) : null
    at = end
    return value
  }
  for (let blob = field(), comment = field(); blob && comment; blob = field(), comment = field()) {
    const type = blob.length > 4 ? blob.toString('latin1', 4, 4 + Math.min(blob.readUInt32BE(0), 64)) : ''
    if (type.includes('-cert-v')) names.push(comment.toString('utf8'))
  }
  return names
}

/**
 * An encrypted key behind the agent interface, because that asks the server first: the person is asked
 * for a passphrase only once the server has said that this key would do (when its public half is known).
 */
export function lockedKeyAgent(
  ssh2: Ssh2,
  publicBlob: Buffer | null,
  unlock: () => Promise<ParsedKey | null>,
): BaseAgent {
  class LockedKey extends ssh2.BaseAgent {
    override getIdentities(reply: (error?: Error | null, keys?: ParsedKey[]) => void): void {
      if (publicBlob) {
        const key = ssh2.utils.parseKey(publicKeyLine(publicBlob))
        return reply(null, key instanceof Error ? [] : [key])
      }
      unlock().then(
        (key) => reply(null, key ? [key] : []),
        (error: Error) => reply(error),
      )
    }

    override sign(
      _key: ParsedKey,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      reply?: SignCallback,
    ): void {
      const done = typeof options === 'function' ? options : reply
      const hash = typeof options === 'function' ? undefined : (options.hash as string | undefined)
      unlock().then(
        (key) => {
          const signature: unknown = key?.sign(data, hash)
          if (Buffer.isBuffer(signature)) done?.(null, signature)
          else done?.(signature instanceof Error ? signature : new Error('the key was not unlocked'))
        },
        (error: Error) => done?.(error),
      )
    }
  }
  return new LockedKey()
}

/** parseKey takes a public key as a line, `type base64`. */
function publicKeyLine(blob: Buffer): string {
  return `${blob.toString('latin1', 4, 4 + blob.readUInt32BE(0))} ${blob.toString('base64')}`
}
