import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HostKeyCheck } from '../../src/transport/host-key.js'
import { Ssh2Transport, type Ssh2TransportOptions } from '../../src/transport/ssh2.js'
import type { HostKeyPolicy, Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { collectUncaught } from '../rig/uncaught.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run } from './fixture.js'

let place: Place
beforeAll(() => {
  place = makePlace()
})
afterAll(() => place.remove())

describeWorld('host keys of a real server', () => {
  let sshd: Sshd
  let count = 0
  beforeAll(async () => {
    sshd = await startSshd({ hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] })
  })
  afterAll(() => sshd.stop())

  const setup = (
    lines: readonly string[],
    hostKeys: Partial<HostKeyPolicy> = {},
    server = sshd,
  ): { target: Target; file: string } => {
    const file = place.path(`known_hosts.${count++}`)
    if (lines.length > 0) writeFileSync(file, lines.join('\n') + '\n')
    return {
      file,
      target: makeTarget(server, file, { credentials: { keys: [keyFile(server.privateKeyPath)] }, hostKeys }),
    }
  }
  const connects = async (target: Target, options: Ssh2TransportOptions = quiet): Promise<void> => {
    const link = await dial(target, { transport: new Ssh2Transport(options) })
    link.end()
    await link.ended
  }
  const name = (): string => `[127.0.0.1]:${sshd.port}`
  const print = (line: string): string => {
    writeFileSync(place.path('print.pub'), line)
    return (
      execFileSync('ssh-keygen', ['-lf', place.path('print.pub')])
        .toString()
        .split(' ')[1] ?? ''
    )
  }

  test('accept-new records a key once it is proved, and knows it from then on', async () => {
    const { target, file } = setup([])
    await connects(target)
    expect(readFileSync(file, 'utf8')).toBe(`${name()} ${sshd.hostKeysPublic[0]}\n`)
    await connects({ ...target, hostKeys: { ...target.hostKeys, mode: 'strict' } })
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2)
  })

  test('ten first contacts at once write one line', async () => {
    const { target, file } = setup([])
    const transport = new Ssh2Transport(quiet)
    const links = await Promise.all(Array.from({ length: 10 }, () => dial(target, { transport })))
    for (const link of links) {
      link.end()
      await link.ended
    }
    expect(readFileSync(file, 'utf8')).toBe(`${name()} ${sshd.hostKeysPublic[0]}\n`)
  })

  test('a changed key is refused, with both fingerprints and the place of the old one', async () => {
    keygen(place.path('other'), 'ed25519')
    const old = readFileSync(place.path('other.pub'), 'utf8').split(' ').slice(0, 2).join(' ')
    const { target, file } = setup(['# comment', `${name()} ${old}`])
    const before = sshd.log().length
    const error = await errorOf(dial(target))
    expect(error).toMatchObject({ code: 'XEC_HOST_KEY', verdict: 'sticky', phase: 'hostkey' })
    expect(error.message).toBe(
      `web1 (127.0.0.1:${sshd.port}): HOST KEY CHANGED: it shows ssh-ed25519 ${print(sshd.hostKeysPublic[0] ?? '')}, but known is ssh-ed25519 ${print(old)} at ${file}:2. ` +
        `Somebody may be listening in, or the host was installed anew. If you know why, remove the old key: ssh-keygen -R '${name()}' -f '${file}'`,
    )
    expect(readFileSync(file, 'utf8')).not.toContain(sshd.hostKeysPublic[0])
    expect(sshd.log().slice(before)).not.toContain('Accepted')
  })

  test('a revoked key is refused', async () => {
    const { target, file } = setup([`@revoked * ${sshd.hostKeysPublic[0]}`])
    const error = await errorOf(dial(target))
    expect(error).toMatchObject({ code: 'XEC_HOST_KEY', verdict: 'sticky' })
    expect(error.message).toContain(`is marked @revoked at ${file}:1`)
  })

  test('strict refuses an unknown host and writes nothing', async () => {
    const { target, file } = setup([], { mode: 'strict' })
    const error = await errorOf(dial(target))
    expect(error).toMatchObject({ code: 'XEC_HOST_KEY', verdict: 'sticky' })
    expect(error.message).toContain(
      `ssh-ed25519 ${print(sshd.hostKeysPublic[0] ?? '')} is not in ${file}, and strictHostKeyChecking is strict`,
    )
    expect(() => readFileSync(file)).toThrow()
  })

  test('a host known by its RSA key alone is not called changed', async () => {
    const rsa = sshd.hostKeysPublic[1] ?? ''
    const { target, file } = setup([`${name()} ${rsa}`], { mode: 'strict' })
    await connects(target)
    expect(readFileSync(file, 'utf8')).toBe(`${name()} ${rsa}\n`)
  })

  test('ask: yes records, anything else refuses, one question for parallel dials, none without a terminal', async () => {
    const yes = setup([], { mode: 'ask' })
    const questions: string[] = []
    const transport = new Ssh2Transport({
      ...quiet,
      prompt: async (question) => {
        questions.push(question)
        return 'yes'
      },
    })
    for (const link of await Promise.all([1, 2, 3].map(() => dial(yes.target, { transport })))) {
      link.end()
      await link.ended
    }
    expect(questions).toEqual([
      `The host key of web1 (127.0.0.1:${sshd.port}) is not known: ssh-ed25519 ${print(sshd.hostKeysPublic[0] ?? '')}\nAccept and record it (yes/no)? `,
    ])
    expect(readFileSync(yes.file, 'utf8')).toContain('ssh-ed25519')
    for (const answer of ['no', 'y', '', null]) {
      const { target } = setup([], { mode: 'ask' })
      expect(
        await errorOf(dial(target, { transport: new Ssh2Transport({ ...quiet, prompt: async () => answer }) })),
      ).toMatchObject({ code: 'XEC_HOST_KEY' })
    }
    expect((await errorOf(dial(setup([], { mode: 'ask' }).target))).message).toContain('there is no terminal to ask')
  })

  test('ask: an answer that comes when the server has left hurts nobody', async () => {
    const uncaught = collectUncaught()
    for (const answer of ['no', 'yes', null]) {
      const proxy = await startProxy({ port: sshd.port })
      const { target } = setup([], { mode: 'ask' }, { ...sshd, port: proxy.port })
      let say: (answer: string | null) => void = () => {}
      const asked = new Promise<string | null>((resolve) => (say = resolve))
      const failing = errorOf(
        dial(target, {
          transport: new Ssh2Transport({
            ...quiet,
            prompt: () => {
              proxy.reset()
              return asked
            },
          }),
        }),
      )
      expect(await failing).toMatchObject({ code: 'XEC_CONNECT', phase: 'kex' })
      say(answer)
      await new Promise((resolve) => setImmediate(resolve))
      await proxy.stop()
    }
    expect(uncaught).toEqual([])
  })

  test('a known_hosts that cannot be written is a warning, and the connection goes on', async () => {
    const { target } = setup([])
    const warnings: string[] = []
    await connects(
      { ...target, hostKeys: { ...target.hostKeys, userFiles: ['/dev/full'] } },
      { warn: (message) => warnings.push(message) },
    )
    expect(warnings).toEqual([expect.stringContaining('could not be added to /dev/full')])
  })

  test('rekeying in the middle of output asks nobody and goes on', async () => {
    const busy = await startSshd({ config: ['RekeyLimit 64K'] })
    const { target, file } = setup([], {}, busy)
    const link = await dial(target)
    expect((await run(link, 'head -c 3000000 /dev/zero | tr "\\0" x')).stdout).toHaveLength(3_000_000)
    link.end()
    await link.ended
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(2)
    await busy.stop()
  })
})

describe('the verifier that ssh2 calls', () => {
  const blob = (fill: number): Buffer =>
    Buffer.concat([
      Buffer.from([0, 0, 0, 11]),
      Buffer.from('ssh-ed25519'),
      Buffer.from([0, 0, 0, 32]),
      Buffer.alloc(32, fill),
    ])
  const check = (
    kind: 'known' | 'new',
    mode: HostKeyPolicy['mode'] = 'accept-new',
    recorded: Buffer[] = [],
  ): HostKeyCheck =>
    new HostKeyCheck(
      makeTarget({ port: 22, user: 'u' }, '/k', { hostKeys: { mode } }),
      {
        name: 'web1',
        knownTypes: [],
        warnings: [],
        verdict: () => ({ kind }),
        record: async (key) => {
          recorded.push(key)
          return { verdict: { kind: 'new' }, written: true }
        },
      },
      null,
    )

  test('answers at once, with a boolean, and returns undefined: ssh2 takes anything else for consent', () => {
    const answers: unknown[] = []
    expect(check('known').verifier(blob(1), (accepted) => answers.push(accepted))).toBeUndefined()
    expect(check('new', 'strict').verifier(blob(1), (accepted) => answers.push(accepted))).toBeUndefined()
    expect(answers).toEqual([true, false])
  })

  test('on a rekey the same key is accepted without another look, another key is not', () => {
    const one = check('new')
    const answers: boolean[] = []
    for (const key of [blob(1), blob(1), blob(2), blob(1)]) one.verifier(key, (accepted) => answers.push(accepted))
    expect(answers).toEqual([true, true, false, true])
    expect(one.failure?.message).toContain('changed its host key in the middle of the connection')
  })

  test('nothing is recorded before confirm, and a known key never', async () => {
    const recorded: Buffer[] = []
    const fresh = check('new', 'accept-new', recorded)
    fresh.verifier(blob(1), () => {})
    expect(recorded).toEqual([])
    await fresh.confirm(() => {})
    const known = check('known', 'accept-new', recorded)
    known.verifier(blob(1), () => {})
    await known.confirm(() => {})
    expect(recorded).toEqual([blob(1)])
  })
})
