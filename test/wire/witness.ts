/** What ssh2 itself sent and received, by its own log: a witness below everything that is ours. */
import type { Socket } from 'node:net'
import ssh2, { type ConnectConfig } from 'ssh2'

export interface Heard {
  /** Names of packets, in order: KEXINIT, …, CHANNEL_REQUEST exec, CHANNEL_EOF. */
  readonly sent: string[]
  /** `ident`, then names of packets: …, CHANNEL_REQUEST exit-status, CHANNEL_CLOSE. */
  readonly received: string[]
}

export interface Witness {
  /** The connections to an address, in order. */
  heard(address: string): readonly Heard[]
  forget(): void
  restore(): void
}

/** Listens to every ssh2 client of this process until `restore`. */
export function watchSsh2(): Witness {
  const prototype = ssh2.Client.prototype
  const connect = prototype.connect
  let all = new Map<string, Heard[]>()
  prototype.connect = function (config: ConnectConfig) {
    const address = (config.sock as Socket).remoteAddress ?? ''
    const heard: Heard = { sent: [], received: [] }
    all.set(address, [...(all.get(address) ?? []), heard])
    return connect.call(this, { ...config, debug: (line: string) => note(heard, line) })
  }
  return {
    heard: (address) => all.get(address) ?? [],
    forget: () => {
      all = new Map()
    },
    restore: () => {
      prototype.connect = connect
    },
  }
}

function note({ sent, received }: Heard, line: string): void {
  if (line.startsWith('Remote ident:')) return void received.push('ident')
  if (line === 'Inbound: Handshake in progress') return void received.push('KEXINIT')
  const out = /^Outbound: Sending (\w+)(.*)/.exec(line)
  if (out) return void sent.push(name(out))
  const into = /^Inbound: (?:Received )?([A-Z_]+)\b(.*)/.exec(line)
  if (into) received.push(name(into))
}

function name([, packet = '', rest = '']: RegExpExecArray): string {
  const kind = packet === 'CHANNEL_REQUEST' ? /r:\d+, ([\w-]+)/.exec(rest)?.[1] : undefined
  return kind ? `${packet} ${kind}` : packet
}
