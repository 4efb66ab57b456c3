import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { $, SSHAdapter } from '../../src/index.js'
import { ensureBuilt } from '../cli/binary.js'
import { ROOT } from '../docs/pages.js'
import { describeWorld } from '../rig/sshd.js'
import { setStage, type Stage } from './stage.js'

describeWorld('every flow ends by itself and leaves nothing', () => {
  let stage: Stage
  let before: string[]
  beforeAll(async () => {
    stage = await setStage()
    before = readdirSync(stage.sshd.home)
    stage.inventory(
      `hosts: { one: 127.0.0.1, two: 127.0.0.2, dead: { host: 127.0.0.3, port: 1 } }\npool: { maxReconnectAttempts: 0, idleTimeout: 5m }`,
    )
    writeFileSync(stage.place.path('s.sh'), '#!/bin/sh\necho "$1"; sleep "${2:-0}"\n')
  })
  afterAll(() => stage.stop())

  const flows: readonly (readonly [argv: readonly string[], status: number])[] = [
    [['run', 'one', 'true'], 0],
    [['run', 'dead', 'true'], 255],
    [['run', 'one', '--script', 's.sh', 'x'], 0],
    [['run', 'one', '--timeout', '300ms', '--script', 's.sh', 'x', '33.3'], 124],
    [['run', '-tt', 'one', 'true'], 0],
    [['exec-all', '--all', 'true'], 255],
    [['exec-all', '-w', 'one,two', '--stdin', 'cat'], 0],
    [['exec-all', '-w', 'one,two', '--json', 'head -c 300000 /dev/zero'], 0],
    [['exec-all', '-w', 'one,two', '--script', 's.sh', 'x'], 0],
    [['ping'], 255],
    [['hosts'], 0],
    [['pool', 'stats'], 0],
    [['--version'], 0],
    [['--help'], 0],
  ]

  test.each(flows)('xec %j', async (argv, status) => {
    const {
      status: found,
      signal,
      stderr,
    } = await stage.run(argv, { cwd: stage.place.home, stdin: 'data\n', limitMs: 15_000 })
    expect({ found, signal, stderr: found === status ? '' : stderr }).toEqual({
      found: status,
      signal: null,
      stderr: '',
    })
  })

  test('no session, process or file of them is left on the host', async () => {
    expect(stage.sshd.connections()).toEqual([])
    const args = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(commandLine)
    expect(args.filter((line) => line.includes('33.3'))).toEqual([])
    expect(readdirSync(stage.sshd.home)).toEqual(before)
    expect(readdirSync('/tmp').filter((name) => name.startsWith('xec-script') || name.endsWith('s.sh'))).toEqual([])
  })

  test('a program that has used a jump host ends when its work is done, and closes nothing for that', async () => {
    ensureBuilt()
    const at = (host: string): object => ({
      host,
      port: stage.sshd.port,
      username: stage.sshd.user,
      privateKey: stage.sshd.privateKeyPath,
      userKnownHostsFile: stage.place.knownHosts,
    })
    const program = stage.place.path('program.mjs')
    writeFileSync(
      program,
      `
      import { $ } from ${JSON.stringify(join(ROOT, 'dist', 'index.js'))}
      console.log((await $.ssh(${JSON.stringify({ ...at('127.0.0.2'), proxyJump: at('127.0.0.1') })})\`echo there\`).text())
    `,
    )
    // Held open, its connections would idle for five minutes.
    const ended = await new Promise<{ killed: boolean; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program], { env: stage.place.env, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ killed: error?.killed === true, stdout, stderr }),
      )
    })
    expect(ended).toEqual({ killed: false, stdout: 'there\n', stderr: '' })
  })

  test('the library gives back its descriptors and timers', async () => {
    const server = (
      host: string,
    ): { host: string; port: number; username: string; privateKey: string; userKnownHostsFile: string } => ({
      host,
      port: stage.sshd.port,
      username: stage.sshd.user,
      privateKey: stage.sshd.privateKeyPath,
      userKnownHostsFile: stage.place.knownHosts,
    })
    const once = async (): Promise<void> => {
      const adapter = new SSHAdapter()
      const targets = Array.from({ length: 30 }, (_, i) => server(`127.0.7.${i + 1}`))
      await $.with({ adapter }).all(targets)`head -c 100000 /dev/zero | tr '\\0' x`
      await $.with({ adapter }).all(targets).timeout('100ms')`sleep 9`
      await $.with({ adapter }).ssh({ ...server('127.0.0.1'), port: 1, pool: {} })`true`.nothrow().catch(() => {})
      await adapter.dispose()
    }
    // The first time loads ssh2 and opens what stays open: entropy, the thread pool's pipes.
    await once()
    const usual = { fds: descriptors(), resources: resources() }
    await once()
    expect({ fds: descriptors(), resources: resources() }).toEqual(usual)
  })
})

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** What this process has open: sockets, pipes, files. */
function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => /TCP|Timeout|Immediate|Pipe/.test(name))
    .sort()
}
