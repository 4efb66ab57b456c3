/** The live view on a real terminal: Ctrl-Z, Enter, line art, progress beside a redirected stdout. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makePlace, type Place } from '../rig/place.js'
import { describeWorld, startSshd, type Sshd } from '../rig/sshd.js'
import { Tmux, tmuxProgram } from '../support/tmux.js'
import { BIN, ensureBuilt } from './binary.js'

describeWorld('the live view in tmux', () => {
  let sshd: Sshd
  let place: Place
  let tmux: Tmux | undefined
  beforeAll(async () => {
    ensureBuilt()
    sshd = await startSshd()
  })
  afterAll(() => sshd.stop())
  beforeEach(() => {
    place = makePlace()
    const target = `{ host: 127.0.0.1, port: ${sshd.port}, user: ${sshd.user}, privateKey: ${sshd.privateKeyPath} }`
    writeFileSync(place.path('c.yaml'), `hosts: { 'h[0001-0006]': ${target} }\n`)
    writeFileSync(place.path('x'), `exec ${process.execPath} ${BIN} exec-all --no-metrics -c c.yaml --all "$@"\n`)
  })
  afterEach(() => {
    tmux?.end()
    tmux = undefined
    rmSync(go(), { force: true })
    place.remove()
  })
  const open = (columns: number, rows: number, env: NodeJS.ProcessEnv = {}): Tmux => {
    tmux = new Tmux({ columns, rows }, { ...place.env, LC_ALL: 'C.UTF-8', CI: '', ...env }, place.home)
    return tmux
  }
  /** Until this file is there, the remote command waits. */
  const go = (): string => `${sshd.home}/go-${process.pid}`
  const waits = (): string => `sh x 'until test -e ${go()}; do sleep 0.1; done; echo fine'`
  const release = (): void => writeFileSync(go(), '')

  describe.skipIf(tmuxProgram === undefined).each([
    [80, 24],
    [200, 50],
  ])('%i × %i', (columns, rows) => {
    test('Ctrl-Z gives the terminal back, and fg begins the picture below', async () => {
      const terminal = open(columns, rows)
      terminal.type(waits())
      await terminal.until('6 running')
      terminal.press('C-z')
      const stopped = await terminal.until('Stopped')
      expect(stopped).not.toContain('hosts done')
      terminal.type('echo one; echo two; echo three; stty -a | grep -o "[-]*echo "')
      await terminal.until((text) => /three\n *echo *$/m.test(text))
      terminal.type('fg')
      const again = await terminal.until('6 running')
      expect(again).toMatch(/^one\ntwo\nthree$/m)
      expect(again.match(/hosts done/g)).toHaveLength(1)
      release()
      const text = await terminal.until(/6 hosts · 6 ok/)
      expect(text).toMatch(/^one\ntwo\nthree$/m)
      expect(text).not.toContain('hosts done')
      expect(text).toContain('── h[0001-0006] (6) ──')
    })

    test('Enter while it runs leaves nothing behind, and the terminal echoes again', async () => {
      const terminal = open(columns, rows)
      terminal.type(waits())
      await terminal.until('6 running')
      for (let i = 0; i < 5; i++) terminal.press('Enter')
      release()
      const text = await terminal.until(/6 hosts · 6 ok/)
      expect(text).not.toContain('hosts done')
      terminal.type('stty -a | grep -o "[-]*echo "')
      await terminal.until(/^echo *$/m)
    })
  })

  describe.skipIf(tmuxProgram === undefined)('80 × 24', () => {
    test('Ctrl-C is heard, and a kill leaves an echo', async () => {
      const terminal = open(80, 24)
      terminal.type(`${waits()}; echo status $?`)
      await terminal.until('6 running')
      terminal.press('C-c')
      await terminal.until('status 130')
      terminal.type(`echo ready; ${waits()}`)
      await terminal.until('6 running')
      terminal.press('C-\\')
      await terminal.until(/Quit/)
      terminal.type('stty -a | grep -o "[-]*echo "')
      await terminal.until(/^echo *$/m)
    })

    test('LC_ALL=C has no UTF-8 of ours', async () => {
      const terminal = open(80, 24, { LC_ALL: 'C' })
      terminal.type("sh x 'echo fine' > /dev/null 2>&1; sh x 'echo fine'; echo end")
      const text = await terminal.until(/^end$/m)
      expect(text).toContain('-- h[0001-0006] (6) --')
      expect(text).toContain('6 hosts | 6 ok')
    })

    test.each(['', '--json'])('%s > file draws the progress on stderr', async (flag) => {
      const terminal = open(80, 24)
      terminal.type(`${waits().replace('sh x', `sh x ${flag}`)} > out; echo end`)
      await terminal.until(/^0\/6 hosts done · /m)
      release()
      const text = await terminal.until(/^end$/m)
      expect(text).not.toContain('hosts done')
      const written = readFileSync(place.path('out'), 'utf8')
      expect(written).toContain(flag === '' ? 'h0001: fine\n' : '"ok":true')
      expect(written).not.toContain('\x1b')
    })
  })
})
