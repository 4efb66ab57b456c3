/** The plain loop as a program of its own: node bench/loop.mjs PORT USER KEY FANOUT HOST... runs `true` on each host, a connection each. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import ssh2 from 'ssh2'

const [port, username, keyPath, fanout, ...hosts] = process.argv.slice(2)
const privateKey = readFileSync(keyPath)

const visit = (host) =>
  new Promise((resolve, reject) => {
    const client = new ssh2.Client()
    client.once('error', reject).once('ready', () =>
      client.exec('true', (error, channel) => {
        if (error) return reject(error)
        channel
          .on('close', () => {
            client.end()
            resolve()
          })
          .resume()
      }),
    )
    client.connect({
      sock: connect({ host, port: Number(port), noDelay: true }),
      username,
      privateKey,
      hostVerifier: () => true,
      readyTimeout: 120_000,
    })
  })
const lane = async () => {
  while (hosts.length > 0) await visit(hosts.pop())
}
await Promise.all(Array.from({ length: Number(fanout) }, lane))
