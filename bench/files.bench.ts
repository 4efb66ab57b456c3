/**
 * Files over a pooled channel, against OpenSSH's own sftp and scp: 200 MB each way, and 1,000 small files. Rounds
 * alternate between the three, so that what else the machine does hits all; read the ratios, not the times. The connection
 * is open before (xec's by a command, theirs by a master), and all use the same cipher.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { download } from '../dist/files/download.js'
import { upload } from '../dist/files/upload.js'
import { createXec, type Xec } from '../dist/xec.js'
import type { PoolTarget } from '../dist/pool/types.js'
import { makePlace, type Place } from '../test/rig/place.js'
import { startSshd, type Sshd } from '../test/rig/sshd.js'

type Who = 'xec' | 'sftp' | 'scp'
const CIPHER = 'aes128-gcm@openssh.com'
const SIZE = 200_000_000
const ROUNDS = 6

let sshd: Sshd
let place: Place
let xec: Xec
let target: PoolTarget
let there: string
beforeAll(async () => {
  sshd = await startSshd({ config: [`Ciphers ${CIPHER}`] })
  place = makePlace()
  xec = createXec()
  target = {
    host: '127.0.0.1',
    address: '127.0.0.1',
    port: sshd.port,
    username: sshd.user,
    jump: null,
    credentials: {
      keys: [{ origin: sshd.privateKeyPath, from: { path: sshd.privateKeyPath }, passphrase: null, optional: false }],
      agent: null,
      identitiesOnly: false,
      password: null,
    },
    hostKeys: { mode: 'accept-new', userFiles: [place.knownHosts], globalFiles: [], alias: null },
    connectTimeoutMs: 15_000,
  }
  there = mkdtempSync(join(sshd.dir, 'files-'))
  const { uid, gid } = statSync(sshd.home)
  chownSync(there, uid, gid)
  expect((await xec.execute(target, { line: 'true' })).ok).toBe(true)
  theirs('ssh', [...options(), '-f', '-N', '-M', '-o', 'ControlPersist=600', '-p', String(sshd.port), login()])
})
afterAll(async () => {
  theirs('ssh', [...options(), '-O', 'exit', '-p', String(sshd.port), login()])
  await xec.close()
  await sshd.stop()
  place.remove()
})

const login = (): string => `${sshd.user}@127.0.0.1`
const options = (): string[] => [
  '-q',
  '-F',
  'none',
  '-i',
  sshd.privateKeyPath,
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  `UserKnownHostsFile=${place.path('theirs')}`,
  '-o',
  `ControlPath=${place.path('m')}`,
]
function theirs(program: string, args: readonly string[], input = ''): void {
  // Its input and output are no pipes of ours: what goes on in the background would hold them.
  const { status } = spawnSync(program, args, { input, stdio: input === '' ? 'ignore' : ['pipe', 'ignore', 'ignore'] })
  expect(status, `${program} ${args.join(' ')}`).toBe(0)
}
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? NaN

/** The medians, by turns. */
async function compare(what: string, whos: readonly Who[], work: (who: Who) => unknown, amount: string): Promise<void> {
  const times: Record<Who, number[]> = { xec: [], sftp: [], scp: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const who of round % 2 ? [...whos].reverse() : whos) {
      const start = performance.now()
      await work(who)
      if (round > 0) times[who].push(performance.now() - start)
    }
  }
  const said = whos.map((who) => `${who} ${median(times[who]).toFixed(0)} ms`).join(', ')
  const ratios = whos
    .slice(1)
    .map((who) => `${(median(times.xec) / median(times[who])).toFixed(2)} × ${who}`)
    .join(', ')
  console.log(`${what}, ${amount}, median of ${ROUNDS - 1}: ${said}; xec takes ${ratios}`)
}

test('200 MB', async () => {
  const local = place.path('big')
  const back = place.path('back')
  const data = randomBytes(SIZE)
  writeFileSync(local, data)
  await compare(
    'upload',
    ['xec', 'sftp', 'scp'],
    (who) => {
      const remote = join(there, who)
      if (who === 'xec') return upload(xec.pool, target, local, remote)
      return who === 'sftp'
        ? theirs('sftp', [...options(), '-b', '-', '-P', String(sshd.port), login()], `put ${local} ${remote}\n`)
        : theirs('scp', [...options(), '-P', String(sshd.port), local, `${login()}:${remote}`])
    },
    '200 MB',
  )
  expect(readFileSync(join(there, 'xec')).equals(data)).toBe(true)
  await compare(
    'download',
    ['xec', 'sftp', 'scp'],
    (who) => {
      const remote = join(there, who)
      if (who === 'xec') return download(xec.pool, target, remote, back)
      return who === 'sftp'
        ? theirs('sftp', [...options(), '-b', '-', '-P', String(sshd.port), login()], `get ${remote} ${back}\n`)
        : theirs('scp', [...options(), '-P', String(sshd.port), `${login()}:${remote}`, back])
    },
    '200 MB',
  )
  await download(xec.pool, target, join(there, 'xec'), back)
  expect(readFileSync(back).equals(data)).toBe(true)
})

test('small files', async () => {
  const local = place.path('tree')
  mkdirSync(local)
  for (let i = 0; i < 1_000; i++) writeFileSync(join(local, `file-${i}`), `content of ${i}\n`)
  const whos = ['xec', 'sftp', 'scp'] as const
  await compare(
    'upload',
    whos,
    async (who) => {
      const remote = join(there, `tree-${who}`)
      rmSync(remote, { recursive: true, force: true })
      if (who === 'xec') return upload(xec.pool, target, local, remote)
      return who === 'sftp'
        ? theirs('sftp', [...options(), '-b', '-', '-P', String(sshd.port), login()], `put -r ${local} ${remote}\n`)
        : theirs('scp', [...options(), '-r', '-P', String(sshd.port), local, `${login()}:${remote}`])
    },
    '1,000 files of 16 bytes',
  )
  await compare(
    'download',
    whos,
    async (who) => {
      const back = place.path(`back-${who}`)
      rmSync(back, { recursive: true, force: true })
      const remote = join(there, `tree-${who}`)
      if (who === 'xec') return download(xec.pool, target, remote, back)
      return who === 'sftp'
        ? theirs('sftp', [...options(), '-b', '-', '-P', String(sshd.port), login()], `get -r ${remote} ${back}\n`)
        : theirs('scp', [...options(), '-r', '-P', String(sshd.port), `${login()}:${remote}`, back])
    },
    '1,000 files of 16 bytes',
  )
})
