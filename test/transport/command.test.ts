import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Link } from '../../src/transport/transport.js'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { dial, errorOf, keyFile, makeTarget, run, runOn, text } from './fixture.js'

describeWorld('commands on a live link', () => {
  let sshd: Sshd
  let narrow: Sshd
  let place: Place
  let link: Link
  const connect = (server: Sshd): Promise<Link> =>
    dial(makeTarget(server, place.knownHosts, { credentials: { keys: [keyFile(server.privateKeyPath)] } }))
  beforeAll(async () => {
    place = makePlace()
    sshd = await startSshd()
    narrow = await startSshd({ config: ['MaxSessions 1'] })
    link = await connect(sshd)
  })
  afterAll(async () => {
    link.end()
    await link.ended
    await sshd.stop()
    await narrow.stop()
    place.remove()
  })

  test('stdout, stderr and the exit status arrive apart', async () => {
    expect(await run(link, 'echo out; echo err >&2; exit 7')).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exit: { kind: 'code', code: 7 },
    })
  })

  test('a command killed by a signal says which', async () => {
    expect((await run(link, 'kill -KILL $$')).exit).toMatchObject({ kind: 'signal', signal: 'KILL' })
  })

  test('stdin reaches the command and its end is EOF', async () => {
    const channel = await link.openSession()
    const out = text(channel.stdout)
    channel.stderr.resume()
    await channel.exec('cat')
    channel.stdin.end('through and back')
    expect(await out).toBe('through and back')
    expect(await channel.exit).toEqual({ kind: 'code', code: 0 })
  })

  test('stdout that nobody takes holds the server back, also while stderr is read; and flows on when it is taken', async () => {
    const channel = await link.openSession()
    let heard = 0
    channel.stderr.on('data', (data: Buffer) => {
      heard += data.length
    })
    await channel.exec(
      'i=0; while [ $i -lt 100 ]; do head -c 65536 /dev/zero >&2; head -c 262144 /dev/zero; i=$((i+1)); done',
    )
    channel.stdin.end()
    // Until the server stands still.
    for (let before = -1, still = 0; still < 50; before = heard) {
      still = before === heard && heard > 0 ? still + 1 : 0
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    // The window that both streams share, and what sshd and its pipes hold.
    expect(heard).toBeLessThan(3e6)
    expect((await text(channel.stdout)).length).toBe(100 * 262_144)
    expect(await channel.exit).toEqual({ kind: 'code', code: 0 })
    expect(heard).toBe(100 * 65_536)
  })

  test('a signal reaches the process after stdin has ended', async () => {
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('echo up; exec sleep 60')
    channel.stdin.end()
    await once(channel.stdin, 'finish')
    // Until the shell runs, its process group may not exist, and sshd drops the signal without a word.
    await once(channel.stdout, 'data')
    channel.signal('TERM')
    expect(await channel.exit).toMatchObject({ kind: 'signal', signal: 'TERM' })
    await channel.closed
  })

  test('a pty has the size asked for, and a new one later', async () => {
    const channel = await link.openSession()
    let out = ''
    channel.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    channel.stderr.resume()
    await channel.exec('stty size; read x; stty size', { term: 'xterm', rows: 11, cols: 22 })
    await once(channel.stdout, 'data')
    channel.resize(33, 44)
    channel.stdin.end('go\n')
    await once(channel.stdout, 'end')
    expect(out).toBe('11 22\r\ngo\r\n33 44\r\n')
  })

  test('a child that keeps the output open does not hide the exit, and close() frees the channel', async () => {
    const channel = await link.openSession()
    let out = ''
    channel.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    channel.stderr.resume()
    await channel.exec('echo mine; sleep 60 & exit 3')
    channel.stdin.end()
    expect(await channel.exit).toEqual({ kind: 'code', code: 3 })
    channel.close()
    await channel.closed
    expect(out).toBe('mine\n')
  })

  test('closed settles although nobody reads the output', async () => {
    const channel = await link.openSession()
    await channel.exec('head -c 100000 /dev/zero; echo done >&2')
    channel.stdin.end()
    expect(await channel.exit).toEqual({ kind: 'code', code: 0 })
    await channel.closed
    expect((await text(channel.stdout)).length).toBe(100_000)
  })

  test('a reader who leaves does not stall the command', async () => {
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('head -c 20000000 /dev/zero')
    channel.stdin.end()
    for await (const chunk of channel.stdout) {
      expect(chunk).toBeInstanceOf(Buffer)
      break
    }
    expect(await channel.exit).toEqual({ kind: 'code', code: 0 })
    await channel.closed
  })

  test('stdin written after the end is dropped: no error, callbacks called, pipes end', async () => {
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('true')
    await channel.closed
    await new Promise<void>((resolve, reject) =>
      channel.stdin.write('late', (error) => (error ? reject(error) : resolve())),
    )
    await pipeline(Readable.from([Buffer.alloc(1_000_000), Buffer.alloc(1_000_000)]), channel.stdin)
  })

  test('a pipe into a command that stops reading settles when the command ends', async () => {
    const channel = await link.openSession()
    channel.stdout.resume()
    channel.stderr.resume()
    await channel.exec('read x; exit 4')
    const pumped = pipeline(
      Readable.from(
        (function* () {
          for (let i = 0; i < 400; i++) yield Buffer.alloc(65_536, 10)
        })(),
      ),
      channel.stdin,
    )
    expect(await channel.exit).toEqual({ kind: 'code', code: 4 })
    await pumped
  })

  test('a channel past MaxSessions is refused on a live link, and the link goes on', async () => {
    const one = await connect(narrow)
    const first = await one.openSession()
    const refusal = await errorOf(one.openSession())
    expect(refusal).toMatchObject({ code: 'XEC_REFUSED', phase: 'channel', executed: 'no' })
    expect(refusal.message).toBe(
      'web1: the server refused a session channel ("open failed"); it may be at its MaxSessions',
    )
    expect(one.alive).toBe(true)
    expect((await runOn(first, 'echo still')).stdout).toBe('still\n')
    one.end()
    await one.ended
  })

  test('1,000 commands one after another with MaxSessions 1: the slot is free when closed resolves', async () => {
    const one = await connect(narrow)
    for (let i = 0; i < 1_000; i++) {
      const { stdout, exit } = await run(one, `echo ${i}`)
      if (stdout !== `${i}\n` || exit.kind !== 'code') throw new Error(`command ${i}: ${stdout} ${exit.kind}`)
    }
    one.end()
    await one.ended
  })

  test('a gigabyte comes through whole, in bounded memory, past a slow sibling', async () => {
    const slow = await link.openSession()
    await slow.exec('head -c 50000000 /dev/zero')
    const channel = await link.openSession()
    channel.stderr.resume()
    await channel.exec('head -c 1000000000 /dev/zero')
    channel.stdin.end()
    const before = process.memoryUsage().rss
    let bytes = 0
    let peak = 0
    for await (const chunk of channel.stdout) {
      bytes += (chunk as Buffer).length
      if (bytes % 50_000_000 < 65_536) peak = Math.max(peak, process.memoryUsage().rss)
    }
    expect(bytes).toBe(1_000_000_000)
    expect(peak - before).toBeLessThan(200_000_000)
    slow.close()
    await slow.closed
  })

  test("a gigabyte goes in whole, in bounded memory, at the reader's pace", async () => {
    const channel = await link.openSession()
    const out = text(channel.stdout)
    channel.stderr.resume()
    await channel.exec('sleep 0.3; sha256sum')
    const block = Buffer.alloc(1 << 20, 'xec')
    const hash = createHash('sha256')
    const before = process.memoryUsage().rss
    let peak = 0
    await pipeline(
      (function* () {
        for (let i = 0; i < 1_000; i++) {
          hash.update(block)
          peak = Math.max(peak, process.memoryUsage().rss)
          yield block
        }
      })(),
      channel.stdin,
    )
    expect((await out).slice(0, 64)).toBe(hash.digest('hex'))
    expect(peak - before).toBeLessThan(200_000_000)
  })
})
