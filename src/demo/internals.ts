/**
 * Where ssh2's server does not do what sshd does, put right behind its public interface. Written against ssh2 1.17.0.
 */
import type { Connection, ServerChannel, Session } from 'ssh2'

interface InnerSession {
  _ending: boolean
  readonly _channel?: unknown
  readonly _chanInfo: { readonly incoming: { readonly id: number }; readonly outgoing: { readonly id: number } }
}

interface InnerConnection {
  readonly _protocol: { channelClose(id: number): void }
  readonly _chanMgr: { remove(id: number): void }
}

interface InnerChannel {
  readonly outgoing: { readonly state: string }
  _chunk?: unknown
  _chunkcb?: unknown
  _chunkErr?: unknown
  _chunkcbErr?: unknown
}

/** ssh2 takes the client's EOF for the end of the session and then ignores its signals; EOF ends stdin only (RFC 4254 §5.3). */
export function keepListeningAfterEof(session: Session): void {
  session.on('eof', () => {
    ;(session as unknown as InnerSession)._ending = false
  })
}

/** ssh2 never answers the CLOSE of a session on which nothing was started, so that its slot would be held for ever (RFC 4254 §5.3). */
export function answerClose(connection: Connection, session: Session): void {
  const { _channel, _chanInfo } = session as unknown as InnerSession
  if (_channel) return
  const { _protocol, _chanMgr } = connection as unknown as InnerConnection
  _chanMgr.remove(_chanInfo.incoming.id)
  _protocol.channelClose(_chanInfo.outgoing.id)
}

/**
 * Writes to a channel's stdout or stderr and resolves when there was window for all of it. One write at a time for both
 * together: ssh2 keeps one flag for two streams, and sends what once waited for window a second time unless it is forgotten.
 */
export function writeWhole(channel: ServerChannel, stream: 'stdout' | 'stderr', chunk: Buffer): Promise<void> {
  const inner = channel as unknown as InnerChannel
  return new Promise((resolve) => {
    const sink = stream === 'stdout' ? channel : channel.stderr
    sink.write(chunk, () => {
      inner._chunk = inner._chunkcb = inner._chunkErr = inner._chunkcbErr = undefined
      resolve()
    })
  })
}

/** Whether the client still takes output and exit status on this channel. */
export function isOpen(channel: ServerChannel): boolean {
  return (channel as unknown as InnerChannel).outgoing.state === 'open'
}
