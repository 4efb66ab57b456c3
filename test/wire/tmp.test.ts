import { test } from 'vitest'
import { createXec } from '../../src/xec.js'
import { makePlace } from '../rig/place.js'
import { startSshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'
import { startTap } from './tap.js'
import { watchSsh2 } from './witness.js'
test('x', async () => {
  const place = makePlace(), sshd = await startSshd({config:['LogLevel INFO']}), tap = await startTap(sshd.port), w = watchSsh2()
  for (let i = 0; i < 120; i++) {
    const at = 2200 + i
    const xec = createXec({ pool: { autoReconnect: false } })
    const address = `127.3.0.${i + 1}`
    tap.plan(address, { way: 'toClient', at, by: 'fin' })
    const r = await xec.execute(makeTarget({ ...sshd, port: tap.port }, place.knownHosts, { hostKeys: { alias: 'x' }, target: { address }, credentials: { keys: [keyFile(sshd.privateKeyPath)] } }), { line: 'echo out 000000; echo err 000000 >&2' })
    const h = w.heard(address)[0]!
    console.log(at, r.outcome, r.truncated, r.durationMs.toFixed(0), h.received.slice(11).join(' '), '|', h.sent.slice(7).join(' '), JSON.stringify(r.attempts))
    await xec.close()
  }
  w.restore(); await tap.stop(); await sshd.stop(); place.remove()
}, 60000)
