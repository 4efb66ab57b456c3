/**
 * ssh itself as the oracle of known_hosts: the same file, the same server, the same StrictHostKeyChecking.
 * The law: no key is accepted that ssh refuses.
 */
import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { cases, oracleSeed } from '../support/scale.js'
import { dial, keyFile, makeTarget } from '../transport/fixture.js'

/** Side by side: each is a login or two. */
const AT_ONCE = 4

const MODES = { yes: 'strict', 'accept-new': 'accept-new' } as const
type Word = keyof typeof MODES

function hashed(name: string): string {
  const salt = randomBytes(20)
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

describeWorld('ssh and known_hosts', () => {
  let place: Place
  let sshd: Sshd
  let others: readonly string[]
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd({ hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] })
    others = (['ed25519', 'rsa', 'ecdsa'] as const).map((type) => {
      keygen(place.path(`other_${type}`), type)
      return readFileSync(place.path(`other_${type}.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' ')
    })
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })

  const makeFile = (random: () => number): string => {
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const here = `[127.0.0.1]:${sshd.port}`
    const names = [
      here,
      '127.0.0.1',
      '*',
      `[127.0.0.?]:${sshd.port}`,
      `!${here},*`,
      `*,!127.0.0.1`,
      'elsewhere',
      `elsewhere,${here}`,
      hashed(here),
      hashed('127.0.0.1'),
      here.toUpperCase(),
      `[127.0.0.1]:22`,
    ]
    const keys = [...sshd.hostKeysPublic, ...others]
    const lines = Array.from({ length: Math.floor(random() * 6) }, () => {
      const key = random() < 0.6 ? pick(sshd.hostKeysPublic) : pick(keys)
      const marker = random() < 0.2 ? `${pick(['@revoked', '@cert-authority', '@other', '@REVOKED'])} ` : ''
      const odd = random()
      if (odd < 0.04) return '# a note'
      if (odd < 0.08) return pick(['', 'nonsense', 'a b', `${here} ssh-ed25519 AAAA`, `${here} ${key.split(' ')[1]}`])
      if (odd < 0.12) return `${marker}${pick(names)} ${key}====`
      if (odd < 0.16) return `${marker}${pick(names)} ssh-rsa ${key.split(' ')[1]}`
      if (odd < 0.2) return `${marker}${pick(names)} ${key}\r`
      return `${marker}${pick(names)}${pick([' ', '\t', '  '])}${key}${pick(['', ' comment', ' # x'])}`
    })
    return lines.join('\n') + pick(['\n', ''])
  }

  const sshAccepts = (file: string, mode: Word): Promise<boolean> =>
    new Promise((resolve) => {
      const options = {
        UserKnownHostsFile: file,
        GlobalKnownHostsFile: '/dev/null',
        StrictHostKeyChecking: mode,
        IdentitiesOnly: 'yes',
        BatchMode: 'yes',
        LogLevel: 'ERROR',
      }
      const child = spawn(
        'ssh',
        [
          ...['-F', 'none', '-i', sshd.privateKeyPath, '-p', String(sshd.port), '-l', sshd.user],
          ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
          ...['127.0.0.1', 'true'],
        ],
        { stdio: 'ignore', env: { ...process.env, SSH_AUTH_SOCK: '' } },
      )
      child.once('close', (code) => resolve(code === 0))
    })

  const xecAccepts = async (file: string, mode: Word): Promise<boolean> => {
    const target = makeTarget(sshd, file, {
      credentials: { keys: [keyFile(sshd.privateKeyPath)] },
      hostKeys: { mode: MODES[mode] },
    })
    try {
      const link = await dial(target)
      link.end()
      await link.ended
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'XEC_HOST_KEY' })
      return false
    }
  }

  test('no key is accepted that ssh refuses', { timeout: 1_800_000 }, async () => {
    let state = oracleSeed('known_hosts')
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
    const all = Array.from({ length: cases(300) }, (_, i) => {
      const mode: Word = random() < 0.5 ? 'yes' : 'accept-new'
      return { i, text: makeFile(random), mode }
    })
    const wrong: unknown[] = []
    const counts = { both: 0, neither: 0, sshAlone: 0 }
    const next = all[Symbol.iterator]()
    const worker = async (): Promise<void> => {
      for (const { i, text, mode } of next) {
        const [mine, theirs] = ['xec', 'ssh'].map((who) => place.path(`${who}_${i}`)) as [string, string]
        writeFileSync(mine, text, { mode: 0o600 })
        writeFileSync(theirs, text, { mode: 0o600 })
        const [xec, ssh] = await Promise.all([xecAccepts(mine, mode), sshAccepts(theirs, mode)])
        if (xec && !ssh) wrong.push({ mode, text })
        else counts[xec ? 'both' : ssh ? 'sshAlone' : 'neither']++
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    process.stdout.write(`  known_hosts: ${JSON.stringify(counts)}\n`)
    expect(wrong).toEqual([])
    // The files are worth something: both answers occur, and xec is not just refusing.
    expect(counts.both).toBeGreaterThan(all.length / 8)
    expect(counts.neither).toBeGreaterThan(all.length / 8)
    expect(counts.sshAlone).toBeLessThan(all.length / 8)
  })
})
