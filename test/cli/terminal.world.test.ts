import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, keygen, startSshd, type Sshd } from '../rig/sshd.js'
import { BIN, ensureBuilt } from './binary.js'

/** A shell on a terminal of its own (script(1)), typed into step by step: each step waits for what it should see first. */
async function onTerminal(
  place: Place,
  command: string,
  steps: readonly (readonly [seen: string, then: string | (() => void)])[],
): Promise<string> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { ...place.env, TERM: 'xterm' },
    cwd: place.home,
    detached: true,
  })
  let screen = ''
  let from = 0
  let at = 0
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString('utf8')
    for (let step = steps[at]; step && screen.includes(step[0], from); step = steps[++at]) {
      from = screen.indexOf(step[0], from) + step[0].length
      if (typeof step[1] === 'string') child.stdin.write(step[1])
      else step[1]()
    }
  })
  await new Promise((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  return screen
}

describeWorld('xec at a terminal', () => {
  let sshd: Sshd
  let place: Place
  beforeAll(async () => {
    ensureBuilt()
    sshd = await startSshd({ config: ['PasswordAuthentication yes'] })
  })
  afterAll(() => sshd.stop())
  beforeEach(() => {
    place = makePlace()
  })
  afterEach(() => place.remove())

  const line = (rest: string, key = sshd.privateKeyPath): string =>
    `${process.execPath} ${BIN} run --no-metrics -l ${sshd.user} -p ${sshd.port} -i ${key} ${rest}`

  test('-t: the size, a Ctrl-C for the remote side, and the terminal as it was', async () => {
    const screen = await onTerminal(
      place,
      `stty rows 30 cols 100; stty -g > before; ${line(`-t 127.0.0.1 'stty size; trap "echo got it; exit 5" INT; echo ready; while :; do sleep 0.1; done'`)}; echo status $?; stty -g > after`,
      [['ready', '\x03']],
    )
    expect(screen).toContain('30 100\r\n')
    expect(screen).toContain('got it')
    expect(screen).toContain('status 5')
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('-t: a Ctrl-C before there is a connection is answered, on a line of its own', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const screen = await onTerminal(
      place,
      `trap : INT; ${process.execPath} ${BIN} run -v -t -l ${sshd.user} -p ${port} -i ${sshd.privateKeyPath} 127.0.0.1 id; echo status $?`,
      [['connecting', '\x03']],
    )
    silent.close()
    expect(screen).toMatch(/\^C\r\n(?:.*\r\n)*xec: 127\.0\.0\.1.*cancelled.*\r\n/)
    expect(screen).toMatch(/^pool {2}0 connections opened/m)
    expect(screen).toContain('status 130')
  })

  test('-n -t: nobody reads the keys, so Ctrl-C is for xec', async () => {
    const screen = await onTerminal(
      place,
      `trap : INT; stty -g > before; ${line("-n -t 127.0.0.1 'echo ready; exec sleep 33.8'")}; echo status $?; stty -g > after`,
      [['ready', '\x03']],
    )
    expect(screen).toContain('status 130')
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('-t: the terminal is given back when xec is told to end', async () => {
    const told = await onTerminal(
      place,
      `stty -g > before; sh -c 'echo $$ > pid; exec "$@"' sh ${line("-t 127.0.0.1 'echo ready; exec sleep 33.4'")}; echo status $?; stty -g > after`,
      [['ready', () => process.kill(Number(readFileSync(place.path('pid'), 'utf8')), 'SIGTERM')]],
    )
    expect(told).toContain('status 143')
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('a passphrase is asked once, without an echo', async () => {
    const key = place.path('locked')
    keygen(key, 'ed25519', 'open-sesame')
    appendFileSync(`${sshd.dir}/authorized_keys`, readFileSync(`${key}.pub`))
    const screen = await onTerminal(
      place,
      `stty -g > before; ${line("127.0.0.1 'echo let in'", key)}; stty -g > after`,
      [['assphrase', 'open-sesane\x7f\x7fme\r']],
    )
    expect(screen).toContain('let in')
    expect(screen).not.toContain('sesa')
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  test('Ctrl-C at the question ends xec, and nothing is dialled again', async () => {
    const key = place.path('locked')
    keygen(key, 'ed25519', 'open-sesame')
    appendFileSync(`${sshd.dir}/authorized_keys`, readFileSync(`${key}.pub`))
    const screen = await onTerminal(
      place,
      `stty -g > before; ${line("127.0.0.1 'echo let in'", key)}; echo status $?; stty -g > after`,
      [['assphrase', '\x03']],
    )
    expect(screen).toContain('status 130')
    expect(screen).not.toContain('let in')
    expect(screen.split('assphrase')).toHaveLength(2)
    expect(readFileSync(place.path('after'), 'utf8')).toBe(readFileSync(place.path('before'), 'utf8'))
  })

  // The shell reads nothing, so that what is typed at "begin" waits in the terminal, an unfinished line too.
  test('what was typed before a question is no answer to it', async () => {
    const screen = await onTerminal(
      place,
      `stty -echo; echo begin; while [ ! -e typed ]; do sleep 0.05; done; ${line("-o StrictHostKeyChecking=ask 127.0.0.1 'echo let in'")}; echo status $?`,
      [
        ['begin', 'yes\r'],
        ['', 'ye'],
        ['', () => writeFileSync(place.path('typed'), '')],
        ['(yes/no)', 'no\r'],
      ],
    )
    expect(screen).toContain('(yes/no)')
    expect(screen).not.toContain('let in')
    expect(screen).toContain('status 255')
  })
})
