/** The first bytes that a server sends, and what it means when the connection ends on them. Pure. */
import type { DialVerdict } from './transport.js'
import { printable } from './words.js'

/** Enough for sshd's one-line refusals and for telling what a stranger speaks. */
export const PEEK_BYTES = 128

export interface BannerFailure {
  readonly verdict: DialVerdict
  /** Follows the place in a message. */
  readonly text: string
}

/** True once the server has identified itself (RFC 4253 §4.2: lines before it are allowed; 255 bytes at most, of which we keep fewer). */
export function hasIdent(peeked: string): boolean {
  return /^SSH-[^\n]*\n/m.test(peeked) || (peeked.length >= PEEK_BYTES && /^SSH-/m.test(peeked))
}

/**
 * Why a connection ended, or was given up, before the identification line.
 * sshd writes its refusals ahead of the banner: `Exceeded MaxStartups` (8.2–9.7), `Not allowed at this time` (≥ 9.8).
 */
export function bannerFailure(peeked: string): BannerFailure {
  const said = printable(peeked)
  if (/Exceeded MaxStartups/i.test(said)) {
    return {
      verdict: 'throttled',
      text: 'the server has too many logins in progress ("Exceeded MaxStartups"); try fewer at once, or raise MaxStartups in its sshd_config',
    }
  }
  if (/Not allowed at this time/i.test(said)) {
    return {
      verdict: 'throttled',
      text: 'the server turns this address away for a while ("Not allowed at this time", PerSourcePenalties in its sshd_config); wait, or exempt this address there',
    }
  }
  if (said === '') {
    return {
      verdict: 'throttled',
      text: 'the server closed the connection before its SSH banner; it may limit logins (MaxStartups, a firewall, hosts.deny)',
    }
  }
  if (/(^|\n)(S|SS|SSH|SSH-[^\n]*)$/.test(peeked)) {
    return { verdict: 'transient', text: 'the connection ended in the middle of the SSH banner' }
  }
  return { verdict: 'final', text: `what answers there is not an SSH server: it sent "${said}"; check the port` }
}

/** RFC 4253 §4.2 gives no limit for the lines ahead of the identification; ssh2 has these. */
const MAX_LINES = 1_024
const MAX_LINE_BYTES = 8_192

/**
 * Holds what a server sends back until its identification line is whole, because ssh2 forgets all but the first piece
 * of one that comes in more than two. What cannot become one is let through, so that ssh2 refuses it.
 */
export class BannerGate {
  #held: Buffer[] = []
  #open = false
  #lines = 0
  /** The line that is being received: how long it is, and how it begins. */
  #length = 0
  #start = ''
  #cr = false

  /** What may be read now: everything so far, or null while more must come. */
  take(chunk: Buffer): Buffer | null {
    for (let at = 0; at < chunk.length && !this.#open; at++) this.#see(chunk[at] ?? 0)
    this.#held.push(chunk)
    if (!this.#open) return null
    return Buffer.concat(this.#held.splice(0))
  }

  #see(byte: number): void {
    if (byte === 0x0a) {
      this.#open = this.#start === 'SSH-' || ++this.#lines > MAX_LINES
      this.#length = 0
      this.#start = ''
      this.#cr = false
      return
    }
    // A bare carriage return is nothing that a banner has.
    this.#open = this.#cr || ++this.#length > MAX_LINE_BYTES
    this.#cr = byte === 0x0d
    if (this.#start.length < 4) this.#start += String.fromCharCode(byte)
  }
}
