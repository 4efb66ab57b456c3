/** Logins that need no secret: method `none`, and keyboard-interactive without a question. No terminal anywhere here. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import ssh2, { type AuthContext } from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeKey } from '../../src/demo/keys.js'
import { Secret } from '../../src/runtime/secret.js'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { Credentials } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd } from '../rig/sshd.js'
import { startAgent } from './agent-process.js'
import { dial, errorOf, keyFile, makeTarget, quiet } from './fixture.js'

const { Server } = ssh2
let place: Place
beforeAll(() => {
  place = makePlace()
  for (const name of ['a', 'b']) keygen(place.path(name), 'ed25519')
})
afterAll(() => place.remove())

/** Dials a server that judges each request; what it was asked, and the error if there was one. */
async function served(
  judge: (context: AuthContext, asked: readonly string[]) => void,
  credentials: Partial<Credentials>,
  transport = new Ssh2Transport(quiet),
): Promise<{ asked: string[]; error: string | null }> {
  const asked: string[] = []
  const server = new Server({ hostKeys: [makeKey().privateKey.reveal()] }, (client) => {
    client
      .on('error', () => {})
      .on('authentication', (context) => {
        asked.push(context.method)
        judge(context, asked)
      })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as AddressInfo
  const target = makeTarget({ port, user: 'u' }, place.path(`known.${port}`), { credentials })
  let error: string | null = null
  try {
    const link = await dial(target, { transport })
    link.end()
    await link.ended
  } catch (caught) {
    error = (caught as Error).message.replace(`web1 (127.0.0.1:${port}): `, '')
  }
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  return { asked, error }
}
const onlyNone = (context: AuthContext): void => (context.method === 'none' ? context.accept() : context.reject([]))
const key = (name: string): ReturnType<typeof keyFile> => keyFile(place.path(name))

describe('method none', () => {
  test('lets in who has nothing to offer, in one request', async () => {
    expect(await served(onlyNone, {})).toEqual({ asked: ['none'], error: null })
  })

  test('lets in with keys, an agent or a password that the server refuses', async () => {
    const agent = await startAgent(place.path('agent'), [place.path('b')])
    for (const credentials of [
      { keys: [key('a')] },
      { keys: [key('a'), key('b')] },
      { agent: agent.socket },
      { password: new Secret('p') },
      { agent: place.path('no-agent') },
    ]) {
      const { asked, error } = await served(onlyNone, credentials)
      expect([asked.at(-1), asked.filter((method) => method === 'none').length, error]).toEqual(['none', 1, null])
    }
    await agent.stop()
  })

  test('comes before the server hangs up for too many keys', async () => {
    const keys = Array.from({ length: 8 }, (_, i) => place.path(`many${i}`))
    for (const each of keys) keygen(each, 'ed25519')
    const { asked, error } = await served(
      (context, all) => {
        if (context.method === 'none') return context.accept()
        if (all.length >= 6) throw new Error('this server has hung up by now')
        context.reject(['publickey'])
      },
      { keys: keys.map((each) => keyFile(each)) },
    )
    expect({ asked, error }).toEqual({ asked: [...Array<string>(5).fill('publickey'), 'none'], error: null })
  })

  test('lets in before a person is asked for a password or a passphrase', async () => {
    keygen(place.path('locked'), 'rsa', 'secret', ['-m', 'PEM'])
    execFileSync('rm', [place.path('locked.pub')])
    const transport = new Ssh2Transport({
      ...quiet,
      askPasswords: true,
      prompt: () => {
        throw new Error('asked')
      },
    })
    const judge = (context: AuthContext): void =>
      context.method === 'none' ? context.accept() : context.reject(['publickey', 'password'])
    expect((await served(judge, { keys: [key('a')] }, transport)).error).toBeNull()
    expect((await served(judge, { keys: [key('locked')] }, transport)).error).toBeNull()
  })

  test('is not asked for by a login that a key or a password opens', async () => {
    const judge = (context: AuthContext): void =>
      context.method === 'none' ? context.reject(['publickey', 'password']) : context.accept()
    for (const credentials of [{ keys: [key('a')] }, { password: new Secret('p') }])
      expect((await served(judge, credentials)).asked).not.toContain('none')
  })

  test('and is not asked for after a part of what the server wants was accepted', async () => {
    const { asked, error } = await served((context) => context.reject(['password'], context.method === 'publickey'), {
      keys: [key('a')],
    })
    expect(asked).not.toContain('none')
    expect(error).toContain('and wants more; it takes password')
  })

  test('refused, with nothing else at hand: the error says so, and what the server takes', async () => {
    expect(await served((context) => context.reject(['publickey', 'password']), {})).toEqual({
      asked: ['none'],
      error:
        'nothing to log u in with: there is no key, agent or password; the server lets nobody in without; it takes publickey, password',
    })
  })
})

describe('keyboard-interactive', () => {
  const silent = (context: AuthContext): void => {
    if (context.method !== 'keyboard-interactive')
      context.reject(['keyboard-interactive'], context.method === 'publickey')
    else context.prompt([], () => context.accept())
  }

  test('without a question lets in who has nothing to offer', async () => {
    expect(await served(silent, {})).toEqual({ asked: ['none', 'keyboard-interactive'], error: null })
  })

  test('without a question, after a key that was a part of what the server wants', async () => {
    const { asked, error } = await served(silent, { keys: [key('a')] })
    expect([asked.at(-1), asked.includes('none'), error]).toEqual(['keyboard-interactive', false, null])
  })

  test('without a question, where a refused password would have been its answer', async () => {
    const { error } = await served(
      (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['password', 'keyboard-interactive'])
        context.prompt([], () => context.accept())
      },
      { password: new Secret('p') },
    )
    expect(error).toBeNull()
  })

  test('with a question that nobody can answer gives no answer, and the error tells the question', async () => {
    let answered = false
    const { error } = await served(
      (context) => {
        if (context.method !== 'keyboard-interactive')
          return context.reject(['keyboard-interactive'], context.method === 'publickey')
        context.prompt([{ prompt: 'Verification code: ', echo: false }], () => (answered = true))
      },
      { keys: [key('a')] },
    )
    expect(answered).toBe(false)
    expect(error).toContain(`it accepted ${place.path('a')} and wants more; it takes keyboard-interactive`)
    expect(error).toContain(
      'not offered: keyboard-interactive, because the server asks "Verification code:" and there is nobody to answer',
    )
  })
})

describeWorld('a certificate, which ssh would offer', () => {
  test('is named when the key beside it is refused, and when the agent holds it', async () => {
    const sshd = await startSshd()
    keygen(place.path('ca'), 'ed25519')
    keygen(place.path('signed'), 'ed25519')
    execFileSync('ssh-keygen', ['-q', '-s', place.path('ca'), '-I', 'me', '-n', sshd.user, place.path('signed.pub')])
    const refused = async (credentials: Partial<Credentials>): Promise<string> =>
      (await errorOf(dial(makeTarget(sshd, place.knownHosts, { credentials })))).message
    const advice =
      'which xec does not support; if the server trusts only its CA, add the key itself to authorized_keys there, or use ssh'
    expect(await refused({ keys: [key('signed')] })).toContain(
      `not offered: the certificate ${place.path('signed-cert.pub')}, ${advice}`,
    )
    // ssh-add adds the certificate beside a key as well.
    const agent = await startAgent(place.path('agent-cert'), [place.path('signed')])
    expect(await refused({ agent: agent.socket })).toContain(
      `the server refused one key of the agent; it takes publickey; not offered: the certificate of the agent (test), ${advice}`,
    )
    await agent.stop()
    appendFileSync(`${sshd.dir}/authorized_keys`, readFileSync(place.path('signed.pub')))
    const link = await dial(makeTarget(sshd, place.knownHosts, { credentials: { keys: [key('signed')] } }))
    link.end()
    await link.ended
    await sshd.stop()
  })
})
