// `node netcat.mjs HOST PORT`: standard input and output are a TCP connection, as with nc; not every machine has that.
import { connect } from 'node:net'

const [host, port] = process.argv.slice(2)
const socket = connect({ host, port: Number(port), allowHalfOpen: true })
socket.on('error', (error) => {
  process.stderr.write(`netcat: ${host} port ${port}: ${error.code}\n`)
  process.exit(1)
})
process.stdout.on('error', () => process.exit(1))
process.stdin.pipe(socket)
socket.pipe(process.stdout)
socket.on('close', () => process.exit(0))
