import { once } from 'node:events'
import { appendFileSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import ssh2, { type AuthContext } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeKey } from '../../src/demo/keys.js'
import { Secret } from '../../src/runtime/secret.js'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { Credentials, KeySource, Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { startProxy } from '../rig/proxy.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { collectUncaught } from '../rig/uncaught.js'
import { startAgent } from './agent-process.js'
import { FakeClock } from './fake-clock.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run } from './fixture.js'

const PASSPHRASE = 'canary-passphrase-41'

describeWorld('authentication on a real server', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd({ config: ['PasswordAuthentication yes'] })
    keygen(place.path('stranger'), 'ed25519')
    for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) {
      keygen(place.path(`locked_${type}`), type, PASSPHRASE)
      keygen(place.path(`open_${type}`), type)
      for (const name of [`locked_${type}`, `open_${type}`])
        appendFileSync(`${sshd.dir}/authorized_keys`, readFileSync(place.path(`${name}.pub`)))
    }
  })
  afterAll(async () => {
    await sshd.stop()
    place.remove()
  })

  const target = (credentials: Partial<Credentials>, more: Partial<Target> = {}): Target =>
    makeTarget(sshd, place.knownHosts, { credentials, target: more })
  const at = (): string => `web1 (127.0.0.1:${sshd.port})`
  async function logsIn(credentials: Partial<Credentials>, transport = new Ssh2Transport(quiet)): Promise<void> {
    const link = await dial(target(credentials), { transport })
    expect((await run(link, 'id -un')).stdout).toBe(`${sshd.user}\n`)
    link.end()
    await link.ended
  }
  const locked = (type = 'ed25519', more: Partial<KeySource> = {}): KeySource =>
    keyFile(place.path(`locked_${type}`), more)

  test.each(['ed25519', 'rsa', 'ecdsa'])('a key of type %s, plain and encrypted', async (type) => {
    await logsIn({ keys: [keyFile(place.path(`open_${type}`))] })
    await logsIn({ keys: [locked(type, { passphrase: new Secret(PASSPHRASE) })] })
  })

  test('a key given as text', async () => {
    await logsIn({
      keys: [
        {
          origin: 'the environment',
          from: { text: new Secret(readFileSync(sshd.privateKeyPath, 'utf8')) },
          passphrase: null,
          optional: false,
        },
      ],
    })
  })

  test('a key that is expected to work is signed with at once: no question first, no `none`', async () => {
    const before = sshd.log().length
    await logsIn({ keys: [keyFile(sshd.privateKeyPath)] })
    const log = sshd.log().slice(before)
    expect(log).toContain('Accepted publickey')
    expect(log).not.toContain('Postponed publickey')
    expect(log).not.toContain('Failed none')
  })

  test('the next key is tried when the first is refused', async () => {
    await logsIn({ keys: [keyFile(place.path('stranger')), keyFile(sshd.privateKeyPath)] })
    await logsIn({
      keys: [keyFile(place.path('stranger'), { optional: true }), keyFile(sshd.privateKeyPath, { optional: true })],
    })
  })

  test('a refused login says what was offered, from where, and what the server takes', async () => {
    const error = await errorOf(
      dial(target({ keys: [keyFile(place.path('stranger'))], password: new Secret('canary-password-17') })),
    )
    expect(error).toMatchObject({ code: 'XEC_AUTH', verdict: 'sticky', phase: 'auth', executed: 'no' })
    expect(error.message).toBe(
      `${at()}: authentication as ${sshd.user} failed: the server refused ${place.path('stranger')}, the password; it takes publickey, password`,
    )
  })

  test('an encrypted key is asked for once in the process, for any number of dials', async () => {
    const asked: string[] = []
    const transport = new Ssh2Transport({
      ...quiet,
      prompt: async (question, { echo }) => {
        asked.push(`${question}${echo}`)
        return asked.length === 1 ? 'wrong' : PASSPHRASE
      },
    })
    await Promise.all([1, 2, 3, 4].map(() => logsIn({ keys: [locked()] }, transport)))
    await logsIn({ keys: [locked()] }, transport)
    const question = `Passphrase of ${place.path('locked_ed25519')}: false`
    expect(asked).toEqual([question, `That was not it. ${question}`])
  })

  test('the clock of the dial stands while the passphrase is typed', async () => {
    const clock = new FakeClock()
    const transport = new Ssh2Transport({
      ...quiet,
      clock,
      prompt: async () => {
        clock.advance(700_000)
        return PASSPHRASE
      },
    })
    const link = await dial(target({ keys: [locked()] }, { connectTimeoutMs: 600 }), { transport })
    link.end()
    await link.ended
  })

  test('what is typed when the server has left hurts nobody: a passphrase, a password, an answer', async () => {
    const uncaught = collectUncaught()
    const chatty = await startSshd({
      config: ['UsePAM yes', 'KbdInteractiveAuthentication yes', 'PasswordAuthentication no'],
    })
    for (const [server, keys] of [
      [sshd, [locked()]],
      [sshd, []],
      [chatty, []],
    ] as const) {
      const proxy = await startProxy({ port: server.port })
      let say: (answer: string) => void = () => {}
      const asked = new Promise<string>((resolve) => (say = resolve))
      const transport = new Ssh2Transport({
        ...quiet,
        askPasswords: true,
        prompt: () => {
          proxy.reset()
          return asked
        },
      })
      expect(
        await errorOf(
          dial(
            makeTarget({ ...server, port: proxy.port }, place.path(`left.${proxy.port}`), { credentials: { keys } }),
            { transport },
          ),
        ),
      ).toMatchObject({ code: 'XEC_CONNECT', phase: 'auth' })
      say(PASSPHRASE)
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
      await proxy.stop()
    }
    await chatty.stop()
    expect(uncaught).toEqual([])
  })

  test('nobody is asked about a key that the server would not take', async () => {
    keygen(place.path('locked_stranger'), 'ed25519', PASSPHRASE)
    const transport = new Ssh2Transport({
      ...quiet,
      prompt: () => {
        throw new Error('asked')
      },
    })
    await logsIn({ keys: [keyFile(place.path('locked_stranger')), keyFile(sshd.privateKeyPath)] }, transport)
    expect(
      await errorOf(dial(target({ keys: [keyFile(place.path('locked_stranger'))] }), { transport })),
    ).toMatchObject({ code: 'XEC_AUTH' })
  })

  test('an encrypted key without a terminal is told, not tried', async () => {
    const why = `${place.path('locked_ed25519')} is encrypted, no passphrase is given and there is no terminal to ask for one`
    expect((await errorOf(dial(target({ keys: [locked()] })))).message).toBe(
      `${at()}: nothing to log ${sshd.user} in with: ${why}; the server lets nobody in without; it takes publickey, password`,
    )
    const error = await errorOf(dial(target({ keys: [locked(), keyFile(place.path('stranger'))] })))
    expect(error.message).toContain(`not offered: ${why}`)
  })

  test('a wrong passphrase, a missing key: known before anything is dialled', async () => {
    const wrong = await errorOf(
      dial(target({ keys: [locked('ed25519', { passphrase: new Secret('canary-wrong') })] }, { port: 1 })),
    )
    expect(wrong).toMatchObject({ code: 'XEC_CONFIG', verdict: 'final', phase: 'config' })
    expect(wrong.message).toContain(`${place.path('locked_ed25519')}: wrong passphrase`)
    expect(wrong.message).not.toContain('canary')
    const missing = await errorOf(dial(target({ keys: [keyFile('/nonexistent/key')] }, { port: 1 })))
    expect(missing).toMatchObject({ code: 'XEC_CONFIG', verdict: 'final' })
    expect(missing.message).toContain('/nonexistent/key does not exist')
  })

  test('a key that could not be read is read again by the next dial', async () => {
    const path = place.path('late')
    const transport = new Ssh2Transport(quiet)
    // Of the same size and time, so that only what was remembered could stand in the way.
    const key = readFileSync(sshd.privateKeyPath)
    const write = (content: Buffer): void => {
      writeFileSync(path, content, { mode: 0o600 })
      utimesSync(path, 1e9, 1e9)
    }
    write(Buffer.alloc(key.length, 'x'))
    expect(await errorOf(dial(target({ keys: [keyFile(path)] }), { transport }))).toMatchObject({ code: 'XEC_CONFIG' })
    write(key)
    const link = await dial(target({ keys: [keyFile(path)] }), { transport })
    link.end()
    await link.ended
  })

  test('default keys that are not there are skipped without a word; with nothing at all, that is said', async () => {
    await logsIn({ keys: [keyFile('/nonexistent/key', { optional: true }), keyFile(sshd.privateKeyPath)] })
    const error = await errorOf(dial(target({ keys: [keyFile('/nonexistent/key', { optional: true })] })))
    expect(error).toMatchObject({
      code: 'XEC_AUTH',
      message: `${at()}: nothing to log ${sshd.user} in with: there is no key, agent or password; the server lets nobody in without; it takes publickey, password`,
    })
  })

  test('a password', async () => {
    if (sshd.password === null) return
    await logsIn({ password: new Secret(sshd.password) })
    await logsIn({ keys: [keyFile(place.path('stranger'))], password: new Secret(sshd.password) })
  })

  test('an agent, all its keys or only those named', async () => {
    const agent = await startAgent(place.path('agent'), [place.path('stranger'), sshd.privateKeyPath])
    await logsIn({ agent: agent.socket })
    await logsIn({ agent: agent.socket, identitiesOnly: true, keys: [keyFile(`${sshd.privateKeyPath}.pub`)] })
    const before = sshd.log().length
    const error = await errorOf(
      dial(target({ agent: agent.socket, identitiesOnly: true, keys: [keyFile(`${place.path('stranger')}.pub`)] })),
    )
    expect(error).toMatchObject({ code: 'XEC_AUTH' })
    expect(error.message).toContain('the server refused one key of the agent')
    expect(sshd.log().slice(before)).not.toContain('Accepted')
    await agent.stop()
  })

  test('an encrypted key that the agent has needs no passphrase', async () => {
    const agent = await startAgent(place.path('agent2'), [place.path('open_rsa')])
    await logsIn({ agent: agent.socket, keys: [locked()] })
    await agent.stop()
  })

  test('an agent that is dead, silent or talks nonsense is left out', async () => {
    await logsIn({
      agent: place.path('no-agent'),
      password: null,
      keys: [keyFile(place.path('stranger')), keyFile(sshd.privateKeyPath)],
    })
    const error = await errorOf(dial(target({ agent: place.path('no-agent') })))
    expect(error).toMatchObject({ code: 'XEC_AUTH', verdict: 'sticky' })
    expect(error.message).toContain(
      `nothing to log ${sshd.user} in with: the agent at ${place.path('no-agent')} failed: Failed to connect to agent; the server lets nobody in`,
    )
    const nonsense = createServer((socket) => {
      socket.on('error', () => {}).resume()
      socket.end(Buffer.alloc(64, 0xff))
    })
    await new Promise<void>((resolve) => nonsense.listen(place.path('nonsense'), resolve))
    expect(await errorOf(dial(target({ agent: place.path('nonsense') })))).toMatchObject({ code: 'XEC_AUTH' })
    await new Promise((resolve) => nonsense.close(resolve))
  })

  test('an agent that never signs costs the connect timeout, and its socket is shut', async () => {
    const agent = await startAgent(place.path('agent4'), [sshd.privateKeyPath])
    const shut: Promise<unknown>[] = []
    // Passes the list of keys on and swallows the second question.
    let calls = 0
    const hanging = createServer((socket) => {
      shut.push(once(socket, 'close'))
      if (++calls > 1) return void socket.resume()
      const inner = connect(agent.socket)
      socket.pipe(inner).pipe(socket)
      socket.on('error', () => {})
      inner.on('error', () => {})
    })
    await new Promise<void>((resolve) => hanging.listen(place.path('hanging'), resolve))
    const error = await errorOf(dial(target({ agent: place.path('hanging') }, { connectTimeoutMs: 500 })))
    expect(error.message).toContain('no answer within 500ms, waiting for the authentication')
    expect(calls).toBe(2)
    await Promise.all(shut)
    await new Promise((resolve) => hanging.close(resolve))
    await agent.stop()
  })

  test('too many keys: the server hangs up, and that is a refused login, not a lost connection', async () => {
    const strict = await startSshd({ config: ['MaxAuthTries 2'] })
    const keys = Array.from({ length: 5 }, (_, i) => place.path(`many${i}`))
    for (const key of keys) keygen(key, 'ed25519')
    const agent = await startAgent(place.path('agent3'), keys)
    const error = await errorOf(
      dial(makeTarget(strict, place.path('strict'), { credentials: { agent: agent.socket } })),
    )
    expect(error).toMatchObject({ code: 'XEC_AUTH', verdict: 'sticky' })
    expect(error.message).toMatch(
      /the server refused [12] of 5 keys of the agent; it said "Too many authentication failures"/,
    )
    await agent.stop()
    await strict.stop()
  })

  test('a part of what the server wants is not offered again, also with an agent of many keys', async () => {
    const strict = await startSshd({
      config: ['PasswordAuthentication yes', 'AuthenticationMethods publickey,password'],
    })
    const others = Array.from({ length: 7 }, (_, i) => place.path(`more${i}`))
    for (const key of others) keygen(key, 'ed25519')
    const agent = await startAgent(place.path('agent5'), [strict.privateKeyPath, ...others])
    if (strict.password !== null) {
      const link = await dial(
        makeTarget(strict, place.path('both'), {
          credentials: { agent: agent.socket, password: new Secret(strict.password) },
        }),
      )
      link.end()
      await link.ended
      expect(strict.log().match(/Failed publickey/g)).toBeNull()
    }
    const error = await errorOf(
      dial(
        makeTarget(strict, place.path('both'), { credentials: { agent: agent.socket, password: new Secret('wrong') } }),
      ),
    )
    expect(error.message).toContain(
      'the server refused the password; it accepted 1 of 8 keys of the agent and wants more',
    )
    await agent.stop()
    await strict.stop()
  })

  test('where a person may be asked for passwords: once for a login, three times when they are refused, not when they give up', async () => {
    const asked: string[] = []
    const answering = (...answers: (string | null)[]): Ssh2Transport =>
      new Ssh2Transport({
        ...quiet,
        askPasswords: true,
        prompt: async (question, { echo }) => {
          asked.push(`${question}${echo}`)
          return answers.shift() ?? null
        },
      })
    const question = `${sshd.user}@web1's password: false`
    const again = `That was not accepted. ${question}`
    if (sshd.password !== null) {
      const transport = answering('wrong', sshd.password)
      await logsIn({ keys: [keyFile(place.path('stranger'))] }, transport)
      await logsIn({}, transport)
      expect(asked.splice(0)).toEqual([question, again])
    }
    const error = await errorOf(dial(target({}), { transport: answering('a', 'b', 'c', 'd') }))
    expect(asked.splice(0)).toEqual([question, again, again])
    expect(error).toMatchObject({
      code: 'XEC_AUTH',
      message: expect.stringContaining('the server refused a password that was typed'),
    })
    expect((await errorOf(dial(target({}), { transport: answering(null) }))).message).toContain(
      'not offered: a password, because none was typed',
    )
    const keysOnly = await startSshd()
    expect(
      await errorOf(dial(makeTarget(keysOnly, place.path('keys-only')), { transport: answering() })),
    ).toMatchObject({ code: 'XEC_AUTH' })
    expect(asked).toEqual([question])
    await keysOnly.stop()
    expect(
      await errorOf(
        dial(target({}), {
          transport: new Ssh2Transport({
            ...quiet,
            prompt: () => {
              throw new Error('asked')
            },
          }),
        }),
      ),
    ).toMatchObject({ code: 'XEC_AUTH' })
  })

  test('a server that wants two methods gets both, in its order', async () => {
    if (sshd.password === null) return
    for (const order of ['publickey,password', 'password,publickey']) {
      const both = await startSshd({ config: ['PasswordAuthentication yes', `AuthenticationMethods ${order}`] })
      const credentials = { keys: [keyFile(both.privateKeyPath)], password: new Secret(both.password ?? '') }
      const link = await dial(makeTarget(both, place.path(`both.${both.port}`), { credentials }))
      expect((await run(link, 'echo in')).stdout).toBe('in\n')
      link.end()
      await link.ended
      const half = await errorOf(
        dial(makeTarget(both, place.path(`both.${both.port}`), { credentials: { keys: credentials.keys } })),
      )
      expect(half).toMatchObject({ code: 'XEC_AUTH' })
      await both.stop()
    }
  })
})

describe('authentication on a scripted server', () => {
  const { Server } = ssh2
  async function served(
    onAuth: (context: AuthContext) => void,
    work: (port: number, place: Place) => Promise<void>,
  ): Promise<void> {
    const place = makePlace()
    const hostKey = makeKey().privateKey.reveal()
    const server = new Server({ hostKeys: [hostKey] }, (client) => {
      client.on('authentication', onAuth).on('error', () => {})
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    try {
      await work((server.address() as { port: number }).port, place)
    } finally {
      server.close()
      place.remove()
    }
  }
  const withPassword = (port: number, place: Place): Target =>
    makeTarget({ port, user: 'u' }, place.knownHosts, { credentials: { password: new Secret('open sesame') } })

  test('a password also answers the one hidden question of keyboard-interactive', async () => {
    await served(
      (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt([{ prompt: 'Password: ', echo: false }], (answers) =>
          answers[0] === 'open sesame' ? context.accept() : context.reject(),
        )
      },
      async (port, place) => {
        const link = await dial(withPassword(port, place))
        link.end()
        await link.ended
      },
    )
  })

  test('and no other question: not a visible one, not two', async () => {
    const heard: string[][] = []
    await served(
      (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt([{ prompt: 'Name your first pet: ', echo: true }], (answers) => {
          heard.push(answers)
          context.reject(['keyboard-interactive'])
        })
      },
      async (port, place) => {
        expect(await errorOf(dial(withPassword(port, place)))).toMatchObject({ code: 'XEC_AUTH' })
      },
    )
    expect(heard).toEqual([['']])
  })

  test('the password goes to the hidden question alone, also when another comes before it, and once', async () => {
    const heard: string[][] = []
    await served(
      (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive'])
        context.prompt([{ prompt: 'Terms: ', echo: true }], (terms) => {
          context.prompt([{ prompt: 'Password: ', echo: false }], (password) => {
            context.prompt([{ prompt: 'Token: ', echo: false }], (token) => {
              heard.push(terms, password, token)
              context.accept()
            })
          })
        })
      },
      async (port, place) => {
        const link = await dial(withPassword(port, place))
        link.end()
        await link.ended
      },
    )
    expect(heard).toEqual([[''], ['open sesame'], ['']])
  })
})
