/** Every way a dial fails, as a DialError: what happened, in whose words, and whether to dial again. */
import { messageOf, type ErrorCode, type Phase } from '../errors.js'
import { formatDuration } from '../runtime/duration.js'
import { shortageOf } from '../runtime/shortage.js'
import { bannerFailure } from './banner.js'
import type { ProxyFate } from './proxy-fate.js'
import { DialError, type DialVerdict, type ProxyCommand, type Target } from './transport.js'
import { placeOf, printable, saidOf } from './words.js'

export type DialPhase = Extract<Phase, 'dns' | 'tcp' | 'banner' | 'kex' | 'hostkey' | 'auth'>

export function dialError(
  target: Target,
  code: ErrorCode,
  phase: Phase,
  verdict: DialVerdict,
  text: string,
  cause?: unknown,
): DialError {
  return new DialError(code, `${placeOf(target)}: ${text}`, { host: target.host, phase, verdict, cause })
}

export function abortedDial(target: Target, phase: Phase): DialError {
  return dialError(target, 'XEC_ABORTED', phase, 'final', 'the dial was cancelled')
}

const WAITED_FOR: Record<DialPhase, string> = {
  dns: 'the name server',
  tcp: 'the TCP connection',
  banner: 'the SSH banner',
  kex: 'the key exchange',
  hostkey: 'the host key',
  auth: 'the authentication',
}

/** @param said what the ProxyCommand on the way has said so far */
export function timedOutDial(target: Target, phase: DialPhase, timeoutMs: number, said = ''): DialError {
  const hint =
    said !== ''
      ? `; the ProxyCommand said: ${said}`
      : phase === 'tcp'
        ? '; the host may be down or a firewall drops packets'
        : ''
  return dialError(
    target,
    'XEC_CONNECT',
    phase,
    'final',
    `no answer within ${formatDuration(timeoutMs)}, waiting for ${WAITED_FOR[phase]}${hint} (connect timeout)`,
  )
}

const SOCKET_ERRORS: Readonly<Record<string, { phase?: DialPhase; verdict: DialVerdict; text: string }>> = {
  ENOTFOUND: { phase: 'dns', verdict: 'final', text: 'the name is unknown (ENOTFOUND)' },
  ENODATA: { phase: 'dns', verdict: 'final', text: 'the name has no address (ENODATA)' },
  EAI_AGAIN: { phase: 'dns', verdict: 'transient', text: 'the name server did not answer (EAI_AGAIN)' },
  ECONNREFUSED: {
    verdict: 'transient',
    text: 'connection refused: nothing listens there; check the port and that sshd runs',
  },
  EHOSTUNREACH: { verdict: 'transient', text: 'no route to the host (EHOSTUNREACH)' },
  EHOSTDOWN: { verdict: 'transient', text: 'the host is down (EHOSTDOWN)' },
  ENETUNREACH: { verdict: 'transient', text: 'the network is unreachable (ENETUNREACH)' },
  ETIMEDOUT: { verdict: 'final', text: 'no answer (ETIMEDOUT); the host may be down or a firewall drops packets' },
}

/** A dial for which this machine lacks something; undefined when the error says something else. */
export function localFailure(target: Target, error: unknown): DialError | undefined {
  const shortage = shortageOf(error)
  return shortage === undefined
    ? undefined
    : dialError(target, 'XEC_LOCAL_LIMIT', 'tcp', 'local', `local limit: ${shortage}`, error)
}

/** A socket that did not connect. */
export function connectFailed(target: Target, error: Error): DialError {
  const local = localFailure(target, error)
  if (local) return local
  const { code = '', syscall } = error as NodeJS.ErrnoException
  const known = SOCKET_ERRORS[code]
  const phase = syscall === 'getaddrinfo' ? 'dns' : (known?.phase ?? 'tcp')
  const text = known?.text ?? `the connection failed: ${printable(messageOf(error))}`
  const answered = code === 'ECONNREFUSED' || code === 'ECONNRESET'
  return new DialError('XEC_CONNECT', `${placeOf(target)}: ${text}`, {
    host: target.host,
    phase,
    verdict: known?.verdict ?? 'transient',
    answered,
    cause: error,
  })
}

/** Codes of a shortage here, which is no fault of the program. */
const SHORTAGE = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'])

/** The shell that was to run the ProxyCommand did not start. */
export function proxyNotStarted(target: Target, { shell, from }: ProxyCommand, error: Error): DialError {
  const { code = '' } = error as NodeJS.ErrnoException
  if (SHORTAGE.has(code)) return connectFailed(target, error)
  const problem =
    { ENOENT: 'there is no such program', EACCES: 'it may not be run' }[code] ?? printable(messageOf(error))
  return dialError(
    target,
    'XEC_CONFIG',
    'config',
    'final',
    `the ProxyCommand (${from}) is run by ${shell}, the shell of $SHELL: ${problem}`,
    error,
  )
}

/** `ended with status 1: nc: connection refused`; undefined for an end in order, with nothing to say. */
export function proxyEnd({ code, signal, said }: ProxyFate): string | undefined {
  if (code === 0 && said === '') return undefined
  const how = signal === null ? `ended with status ${code ?? '?'}` : `was killed by ${signal}`
  return `the ProxyCommand ${how}${said === '' ? '' : `: ${said}`}`
}

/** The program on the way ended before the target's identification, or later; undefined when that explains nothing. */
export function proxyFailed(
  target: Target,
  proxy: ProxyCommand,
  phase: DialPhase,
  peeked: string,
  fate: ProxyFate,
): DialError | undefined {
  const early = phase === 'banner'
  // Nothing says that a server was there to ask for fewer logins: it may be the wrong program.
  const end =
    proxyEnd(fate) ?? (early ? 'the ProxyCommand ended with status 0 before anything came through it' : undefined)
  // What came over the connection says more than a program that ended in order behind it.
  if (end === undefined || (peeked !== '' && fate.code === 0)) return undefined
  // Of a shell: the program was not found (127), or is none (126).
  const unusable = early && (fate.code === 127 || fate.code === 126)
  return dialError(
    target,
    'XEC_CONNECT',
    early ? 'tcp' : phase,
    unusable ? 'final' : 'transient',
    `${end}${unusable ? ` (${proxy.from})` : ''}`,
  )
}

/** A jump host that did not lend a carrier (RFC 4254 §5.1: 1 prohibited, 2 connect failed). */
export function carrierFailed(target: Target, error: Error): DialError {
  const hop = target.jump?.host ?? 'the jump host'
  const { reason } = error as { reason?: unknown }
  const said = saidOf(error)
  if (reason === 1)
    return dialError(
      target,
      'XEC_CONNECT',
      'tcp',
      'final',
      `${hop} does not forward connections ("${said}"); see AllowTcpForwarding and PermitOpen there`,
      error,
    )
  return dialError(target, 'XEC_CONNECT', 'tcp', 'transient', `${hop} could not connect to it ("${said}")`, error)
}

/** The jump host's own connection ended, which says nothing of the target. */
export function hopLost(target: Target, phase: DialPhase, detail: string, cause?: unknown): DialError {
  return new DialError(
    'XEC_CONNECT',
    `${placeOf(target)}: the connection to ${target.jump?.host ?? 'the jump host'} was lost (${detail})`,
    { host: target.host, phase, verdict: 'transient', answered: false, cause },
  )
}

/** The connection ended, or broke, between TCP and authenticated. */
export function brokenHandshake(target: Target, phase: DialPhase, peeked: string, error?: Error): DialError {
  if (phase === 'banner') {
    const { verdict, text } = bannerFailure(peeked)
    return dialError(target, 'XEC_CONNECT', 'banner', verdict, text, error)
  }
  const during = phase === 'auth' ? 'during authentication' : 'during the key exchange'
  if (!error) return dialError(target, 'XEC_CONNECT', phase, 'transient', `the server closed the connection ${during}`)
  const { code, level } = error as { code?: unknown; level?: unknown }
  const said = printable(messageOf(error))
  // A DISCONNECT message (RFC 4253 §11.1) has a numeric code and no level.
  if (typeof code === 'number' && level === undefined) {
    const tooMany = code === 12
    return dialError(
      target,
      'XEC_CONNECT',
      phase,
      tooMany ? 'throttled' : 'transient',
      `the server ended the connection ${during}: "${said}"`,
      error,
    )
  }
  if (level === 'client-socket')
    return dialError(target, 'XEC_CONNECT', phase, 'transient', `the connection broke ${during}: ${said}`, error)
  // No matching algorithm, a wrong version, a bad signature: the next dial would end the same way. A damaged packet need not.
  return dialError(
    target,
    'XEC_CONNECT',
    phase,
    level === 'protocol' ? 'transient' : 'final',
    `${phase === 'auth' ? 'authentication' : 'the key exchange'} broke off: ${said}`,
    error,
  )
}
