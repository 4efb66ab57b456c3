import { test } from 'vitest'
import { startSshd } from '../rig/sshd.js'
import { makePlace } from '../rig/place.js'
import { writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
test('p', { timeout: 100000 }, async () => {
  const sshd = await startSshd({ config: ['Ciphers aes128-gcm@openssh.com'] }); const place = makePlace()
  writeFileSync(place.path('big'), Buffer.alloc(200e6, 'abcd'))
  writeFileSync('/tmp/prof/p.mjs', `
import { upload } from '/work/main/dist/files/upload.js'
import { download } from '/work/main/dist/files/download.js'
import { createXec } from '/work/main/dist/xec.js'
const xec = createXec()
const target = { host: 'h', address: '127.0.0.1', port: ${sshd.port}, username: '${sshd.user}', jump: null, credentials: { keys: [{ origin: 'k', from: { path: '${sshd.privateKeyPath}' }, passphrase: null, optional: false }], agent: null, identitiesOnly: false, password: null }, hostKeys: { mode: 'accept-new', userFiles: ['${place.knownHosts}'], globalFiles: [], alias: null }, connectTimeoutMs: 15000 }
for (let i = 0; i < 4; i++) {
let c = process.cpuUsage(), r = await upload(xec.pool, target, '${place.path('big')}', 'xec-big'); let d = process.cpuUsage(c); console.log('up', Math.round(r.durationMs), d.user/1e3|0, d.system/1e3|0)
c = process.cpuUsage(); r = await download(xec.pool, target, 'xec-big', '${place.path('back')}');  d = process.cpuUsage(c);console.log('down', Math.round(r.durationMs), d.user/1e3|0, d.system/1e3|0)
}
await xec.execute(target, { line: 'rm xec-big' })
await xec.close()
`)
  const r = spawnSync('node', ['--cpu-prof', '--cpu-prof-dir=/tmp/prof', '/tmp/prof/p.mjs'], { encoding: 'utf8' })
  console.log(r.stdout, r.stderr)
  await sshd.stop(); place.remove()
})
