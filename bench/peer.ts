/** The floor: a plain ssh2 client with TCP_NODELAY, one connection a host, `exec` on it, nothing else. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { Client } from 'ssh2'
import type { Sshd } from '../test/rig/sshd.js'

export function plainConnect(sshd: Sshd, host: string): Promise<Client> {
  return new Promise((resolve, reject) => {
    const sock = connect({ host, port: sshd.port, noDelay: true })
    const connection = new Client()
    connection.once('ready', () => resolve(connection)).once('error', reject)
    connection.connect({
      sock,
      username: sshd.user,
      privateKey: readFileSync(sshd.privateKeyPath),
      hostVerifier: () => true,
    })
  })
}

/** Runs a command and resolves with its exit status when the channel has closed. */
export function plainExec(connection: Client, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    connection.exec(command, (error, channel) => {
      if (error) return reject(error)
      let status = -1
      channel.on('exit', (code: number | null) => (status = code ?? -1)).on('close', () => resolve(status))
      channel.resume()
      channel.stderr.resume()
      channel.end()
    })
  })
}
