/** `xec run`: one command on one host, like ssh. */
import type { Result } from '../../adapter/types.js'
import { noteOf } from '../../run/fold.js'
import { countOutcomes } from '../../run/report.js'
import { systemClock } from '../../runtime/clock.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { showDryRun } from '../dry-run.js'
import { BROKEN_PIPE, runStatus } from '../exit-status.js'
import { itemsOf, openFleet } from '../fleet.js'
import type { Io } from '../io.js'
import { createNotices, type Notices } from '../notices.js'
import { wantsJson, type OptionValues } from '../options.js'
import { metricsLines } from '../output/metrics.js'
import { Outlet } from '../output/outlet.js'
import { createPaint } from '../output/paint.js'
import { PtySession } from '../pty-session.js'
import { readCommand, titleOf } from '../request.js'
import { withSession, type Session } from '../session.js'
import { usage } from '../values.js'

export const run: CommandRunner = async (io, invocation) => {
  const { options, operands, words } = invocation
  const [name] = operands
  if (name === undefined) throw usage('no host given; the form is: xec run <host> <command...>')
  if (/[*?,&!]|^@|^~\/|\[\d+[\d\s,-]*\]/.test(name))
    throw usage(`run takes one host, and ${name} may be several; for those: xec exec-all -w '${name}' <command...>`)
  const json = wantsJson(options)
  const notices = createNotices(io, options)
  const stdin = options.noStdin ? undefined : io.stdin
  const pty = options.tty === undefined ? undefined : ptyFor(io, options, json)
  const asked = await readCommand(io, options, words, pty?.request)
  const fleet = await openFleet(io, invocation, notices)
  const [item] = itemsOf(await fleet.resolve([name], !options.dryRun), asked)
  if (item === undefined) throw usage(`${name} names no host`)
  if (options.dryRun) return showDryRun(io, [item], titleOf(asked), json)

  return withSession(
    io,
    { command: 'run', pool: fleet.pool, verbose: options.verbose, notices, askPasswords: true },
    async (session) => {
      const { xec, interrupts } = session
      const startedAt = new Date().toISOString()
      const began = systemClock.now()
      const outputs = json ? undefined : bytesThrough(io, session)
      let result: Result
      try {
        result = await xec.execute(item.target, item.command, {
          signal: interrupts.signal,
          timeoutMs: options.timeout,
          queueTimeoutMs: options.queueTimeout,
          retryCommands: options.retryCommands,
          stdin,
          ...(outputs && { captureBytes: 0, onStdout: outputs.onStdout, onStderr: outputs.onStderr }),
          onStarted: pty && ((control) => pty.start(control)),
        })
      } finally {
        pty?.end()
        // A stdin that nobody has read to its end would hold the process open.
        stdin?.destroy()
        await outputs?.finish()
      }
      if (json) {
        const report = {
          command: titleOf(item.command),
          startedAt,
          durationMs: systemClock.now() - began,
          ok: result.ok,
          counts: countOutcomes([result]),
          results: [result],
        }
        const { createRunRenderer } = await import('../output/renderer.js')
        const renderer = createRunRenderer({
          mode: 'json',
          stdout: io.stdout,
          stderr: io.stderr,
          color: { stdout: false, stderr: false },
          quiet: false,
          metrics: false,
          snapshot: () => xec.snapshot(),
          command: report.command,
          clock: systemClock,
        })
        await renderer.finish(report, xec.snapshot())
        return runStatus(result)
      }
      if (outputs?.broken && result.outcome === 'cancelled') return interrupts.status ?? BROKEN_PIPE
      // Behind the ^C that the terminal has echoed.
      if (interrupts.status !== undefined && io.stderr.isTTY) io.stderr.write('\n')
      explain(result, notices)
      const note = noteOf(result)
      if (note !== null) notices.warning(`${result.host}: ${note}`)
      if (!options.quiet && (options.metrics ?? io.stderr.isTTY === true)) {
        const paint = createPaint(wantsColor(options.color, io.env, io.stderr))
        io.stderr.write(
          metricsLines(xec.snapshot(), paint)
            .map((line) => `${line}\n`)
            .join(''),
        )
      }
      return runStatus(result)
    },
  )
}

/** A reader that goes away (`| head -1`) ends the remote command, as a broken pipe would end a local one. */
function bytesThrough(io: Io, { interrupts }: Session) {
  let broken = false
  const stdout = new Outlet(io.stdout, () => {
    broken = true
    interrupts.abort()
  })
  const stderr = new Outlet(io.stderr)
  return {
    get broken() {
      return broken
    },
    onStdout: (chunk: Buffer) => stdout.write(chunk),
    onStderr: (chunk: Buffer) => stderr.write(chunk),
    async finish() {
      await stdout.finish()
      await stderr.finish()
    },
  }
}

/** Says what the remote side did not say itself. */
function explain({ outcome, exitCode, executed, remoteProcess, error }: Result, notices: Notices): void {
  if (error === null || outcome === 'signal' || (outcome === 'failed' && exitCode !== null)) return
  // What ran has been stopped, as was asked; what never began, or may go on, is worth a word.
  if (outcome === 'cancelled' && executed !== 'no' && remoteProcess !== 'maybe-running') return
  notices.error(error)
}

function ptyFor(io: Io, options: OptionValues, json: boolean): PtySession {
  if (json) throw usage('--json and -t contradict each other: a terminal mixes stdout and stderr')
  if (!io.stdin.isTTY && options.tty === 1)
    throw usage('-t needs a terminal on stdin, and stdin is none; -tt asks for a remote terminal all the same')
  return new PtySession(io, { reads: options.noStdin !== true })
}
