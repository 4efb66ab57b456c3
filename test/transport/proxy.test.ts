/** ProxyCommand: the program's standard input and output are the connection, and it lives as long as that. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { endpointOf, keyOf } from '../../src/pool/identity.js'
import { Ssh2Transport } from '../../src/transport/ssh2.js'
import type { Target } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { dial, errorOf, keyFile, makeTarget, quiet, run } from './fixture.js'

const NETCAT = `${process.execPath} ${fileURLToPath(new URL('../rig/netcat.mjs', import.meta.url))}`

let place: Place
beforeAll(() => {
  place = makePlace()
  keygen(place.path('key'), 'ed25519')
})
afterAll(() => place.remove())
afterEach(() => vi.unstubAllEnvs())

/** A target that nothing but the program can reach. */
function by(command: string, more: Partial<Target> = {}, shell = '/bin/sh'): Target {
  return makeTarget({ port: 22, user: 'nobody' }, place.knownHosts, {
    credentials: { keys: [keyFile(place.path('key'))] },
    target: { address: 'nowhere.invalid', proxyCommand: { command, shell, from: '~/.ssh/config:2' }, ...more },
  })
}

/** A process that has ended and that nobody has asked about yet (Z) is gone. */
function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a program that does not connect', () => {
  test('its exit status and its last words are the error, and another dial may help', async () => {
    const error = await errorOf(dial(by(`sh -c 'echo one >&2; echo "no \\033[31mroute" >&2; exit 3'`)))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'transient', phase: 'tcp', executed: 'no' })
    expect(error.message).toBe(
      'web1 (nowhere.invalid:22 by ProxyCommand): the ProxyCommand ended with status 3: one / no [31mroute',
    )
  })

  test('of much that it says only the end is quoted', async () => {
    const error = await errorOf(dial(by(`sh -c 'seq 1 5000 >&2; head -c 100000 /dev/zero | tr "\\\\0" x >&2; exit 1'`)))
    expect(error.message).toMatch(/status 1: 4999 \/ 5000 \/ x{199}…$/)
  })

  test('one that is not there is not tried again, and the place is named', async () => {
    const error = await errorOf(dial(by('no-such-program-here %h')))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final', phase: 'tcp' })
    expect(error.message).toMatch(/ended with status 127: .*not found \(~\/\.ssh\/config:2\)$/)
  })

  test('one that a signal ends', async () => {
    expect((await errorOf(dial(by(`sh -c 'kill -KILL $$'`)))).message).toMatch(/was killed by SIGKILL$/)
  })

  test('a shell that is not there is a mistake of the configuration', async () => {
    const error = await errorOf(dial(by('true', {}, '/no/such/shell')))
    expect(error).toMatchObject({ code: 'XEC_CONFIG', verdict: 'final' })
    expect(error.message).toContain('run by /no/such/shell, the shell of $SHELL: there is no such program')
  })

  test('an end in order without a word is told, and not taken for a server that asks for fewer logins', async () => {
    const error = await errorOf(dial(by('true')))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'transient', phase: 'tcp' })
    expect(error.message).toMatch(/the ProxyCommand ended with status 0 before anything came through it$/)
  })

  test('what is no SSH server is told as ever', async () => {
    expect((await errorOf(dial(by('echo hello')))).message).toContain('is not an SSH server: it sent "hello"')
  })

  test('one that says nothing is ended at the connect timeout, with everything that it started', async () => {
    const pids = place.path('pids')
    const command = `sh -c 'trap "" TERM; echo waiting for a key >&2; sleep 600 & echo $! $$ >${pids}; wait; wait'`
    const error = await errorOf(dial(by(command, { connectTimeoutMs: 400 })))
    expect(error).toMatchObject({ code: 'XEC_CONNECT', verdict: 'final', phase: 'banner' })
    expect(error.message).toMatch(/no answer within 400ms, .*; the ProxyCommand said: waiting for a key/)
    const started = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
    expect(started).toHaveLength(2)
    await vi.waitFor(() => expect(started.filter(isAlive)).toEqual([]))
  })

  test('an abort ends it', async () => {
    const pid = place.path('aborted')
    const aborter = new AbortController()
    const dialled = errorOf(dial(by(`sh -c 'echo $$ >${pid}; exec sleep 600'`), { signal: aborter.signal }))
    await vi.waitFor(() => expect(existsSync(pid) && readFileSync(pid, 'utf8')).toMatch(/\n/))
    aborter.abort()
    expect(await dialled).toMatchObject({ code: 'XEC_ABORTED' })
    await vi.waitFor(() => expect(isAlive(Number(readFileSync(pid, 'utf8')))).toBe(false))
  })

  test('bash reads no ~/.bashrc for it, which could write into the connection', async () => {
    writeFileSync(place.path('.bashrc'), 'echo welcome\n')
    vi.stubEnv('HOME', place.home)
    vi.stubEnv('SHLVL', undefined)
    const error = await errorOf(dial(by('sh -c "exit 4"', {}, '/bin/bash')))
    expect(error.message).toMatch(/ended with status 4$/)
  })
})

describe('the pool', () => {
  test('shares connections of the same program only, and never shows it', () => {
    const [one, same, other] = [by('nc %h 22 --auth hunter2'), by('nc %h 22 --auth hunter2'), by('nc other 22')]
    expect(keyOf(one)).toBe(keyOf(same))
    expect(keyOf(one)).not.toBe(keyOf(other))
    expect(keyOf(one)).not.toBe(keyOf({ ...one, proxyCommand: null }))
    expect(endpointOf(one)).not.toBe(endpointOf(other))
    expect(endpointOf(one)).not.toContain('hunter2')
  })
})

describeWorld('on a real server', () => {
  let sshd: Sshd
  beforeAll(async () => (sshd = await startSshd()))
  afterAll(() => sshd.stop())
  const through = (command: string, more: Partial<Target> = {}): Target => ({
    ...by(command, more),
    username: sshd.user,
    credentials: { keys: [keyFile(sshd.privateKeyPath)], agent: null, identitiesOnly: false, password: null },
  })

  test('a command runs, much passes both ways, and the program ends with the connection', async () => {
    const pid = place.path('pid')
    const link = await dial(through(`sh -c 'echo $$ >${pid}; exec ${NETCAT} 127.0.0.1 ${sshd.port}'`))
    expect(await run(link, 'echo hi; head -c 3000000 /dev/zero | wc -c')).toMatchObject({
      stdout: 'hi\n3000000\n',
      exit: { kind: 'code', code: 0 },
    })
    const { stdout } = await run(link, 'head -c 8000000 /dev/zero')
    expect(stdout).toHaveLength(8_000_000)
    const program = Number(readFileSync(pid, 'utf8'))
    expect(isAlive(program)).toBe(true)
    link.end()
    expect(await link.ended).toMatchObject({ reason: 'closed' })
    expect(isAlive(program)).toBe(false)
  })

  test('a program that dies loses the connection, with its last words', async () => {
    const pid = place.path('dying')
    const said: string[] = []
    const transport = new Ssh2Transport({ ...quiet, tell: (message) => said.push(message) })
    const link = await dial(
      through(`sh -c 'echo $$ >${pid}; echo tunnel up >&2; ${NETCAT} 127.0.0.1 ${sshd.port}; exit 7'`),
      { transport },
    )
    expect(said).toEqual(['web1: ProxyCommand: tunnel up'])
    const session = await link.openSession()
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL')
    // Its child still carries the connection, as it would for ssh; only the end of the output is the end.
    expect(link.alive).toBe(true)
    link.destroy()
    await link.ended
    await session.closed
    expect(link.alive).toBe(false)
  })

  test('the exit status of a program that ends under a connection is in the loss', async () => {
    const pid = place.path('ended')
    const link = await dial(
      through(`sh -c 'exec 3<&0; ${NETCAT} 127.0.0.1 ${sshd.port} <&3 & echo $! >${pid}; wait $!; exit 7'`),
    )
    process.kill(Number(readFileSync(pid, 'utf8')), 'SIGTERM')
    expect(await link.ended).toMatchObject({
      reason: 'lost',
      detail: expect.stringMatching(/^the ProxyCommand ended with status 7/),
    })
  })

  test('a jump host may be reached by one', async () => {
    const hop = await dial(through(`${NETCAT} 127.0.0.1 ${sshd.port}`, { host: 'bastion' }))
    const target = { ...through('unused'), address: '127.0.0.1', port: sshd.port, proxyCommand: null }
    const link = await dial({ ...target, jump: through('x', { host: 'bastion' }) }, { via: hop })
    expect(await run(link, 'echo behind')).toMatchObject({ stdout: 'behind\n' })
    hop.destroy()
    await Promise.all([hop.ended, link.ended])
  })

  test('an idle connection does not hold the process open', async () => {
    const holding = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap' || name === 'ProcessWrap').length
    const link = await dial(through(`${NETCAT} 127.0.0.1 ${sshd.port}`))
    const held = holding()
    link.setRef(false)
    // The program, its input and its output; its stderr never does.
    expect(held - holding()).toBe(3)
    link.setRef(true)
    link.destroy()
    await link.ended
  })
})
