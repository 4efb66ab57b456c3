/** `xec run`: one command on one host, like ssh. */
import type { Executor, Result } from '../../adapter/types.js'
import type { Report } from '../../run/events.js'
import { noteOf } from '../../run/fold.js'
import { systemClock } from '../../runtime/clock.js'
import type { Xec } from '../../xec.js'
import { wantsColor, wantsLive } from '../color.js'
import type { CommandRunner, Invocation } from '../command.js'
import { showDryRun } from '../dry-run.js'
import { BROKEN_PIPE, runStatus } from '../exit-status.js'
import { commandsOf, openFleet } from '../fleet.js'
import type { Io } from '../io.js'
import { createNotices, type Notices } from '../notices.js'
import type { OptionValues } from '../options.js'
import { bytesRenderer } from '../output/bytes.js'
import { askedFormat, format, type FormatName } from '../output/formats.js'
import { metricsForm, metricsText, type MetricsForm } from '../output/metrics.js'
import { createPaint } from '../output/paint.js'
import { PtySession } from '../pty-session.js'
import { recorderOf, requestOf, type Recording } from '../recording.js'
import { readCommand, titleOf } from '../request.js'
import { withSession } from '../session.js'
import { usage } from '../values.js'

export const run: CommandRunner = async (io, invocation) => {
  const { options, operands, words } = invocation
  const [name] = operands
  if (name === undefined) throw usage('no host given; the form is: xec run <host> <command...>')
  if (/[*?,&!]|^@|^~\/|\[\d+[\d\s,-]*\]/.test(name))
    throw usage(`run takes one host, and ${name} may be several; for those: xec exec-all -w '${name}' <command...>`)
  const asked = askedFormat(options)
  const shown = asked === undefined ? undefined : format(asked)
  const notices = createNotices(io, options)
  // What is wrong with the command is said before any host is looked up.
  const explicit = options.tty === undefined ? undefined : ptyFor(io, options, asked)
  const first = await readCommand(io, options, words, explicit?.request)
  const fleet = await openFleet(io, invocation, notices)
  const resolved = await fleet.resolve([name], !options.dryRun)
  const { requestTTY, stdinNull = false } = resolved[0]?.session ?? {}
  const wanted = requestTTY === 'force' || (requestTTY === 'yes' && io.stdin.isTTY === true)
  const noStdin = options.noStdin === true || stdinNull || options.script === '-'
  const stdin = noStdin ? undefined : io.stdin
  const pty = explicit ?? (wanted && asked === undefined ? new PtySession(io, { reads: !noStdin }) : undefined)
  const command = explicit || !pty ? first : await readCommand(io, options, words, pty.request, first.script)
  const commands = commandsOf(resolved, command)
  if (options.dryRun) return showDryRun(io, commands, titleOf(command), shown?.document === true)

  const createRenderer = (await shown?.load()) ?? bytesRenderer
  const recording = (): Recording => ({
    request: requestOf(io, 'run', withTty(invocation, pty), command, stdin ? 'perhaps' : 'none'),
    config: fleet.source,
    stdinBytes: () => bytesReadOf(stdin),
  })
  return withSession(
    io,
    { command: 'run', pool: fleet.pool, verbose: options.verbose, notices, askPasswords: true },
    async ({ xec, interrupts }) => {
      let broken = false
      const renderer = createRenderer({
        ...looksOf(io, options, xec),
        command: titleOf(command),
        // A reader that goes away (`| head -1`) ends the remote command, as a broken pipe would end a local one.
        onClosed() {
          broken = true
          interrupts.abort()
        },
      })
      const release = io.onExit(() => renderer.abandon())
      const recorder = recorderOf(io, options.record ? recording() : undefined, xec, notices)
      let report: Report
      try {
        const run = xec.start(
          commands,
          {
            signal: interrupts.signal,
            timeoutMs: options.timeout,
            queueTimeoutMs: options.queueTimeout,
            retryCommands: options.retryCommands,
            ...(shown?.captures ? {} : { captureBytes: 0 }),
            observers: [(event) => renderer.onEvent(event), ...(recorder ? [recorder.observer] : [])],
            commandText: titleOf(command),
          },
          withTerminal(xec, stdin, pty),
        )
        report = await run.report
        await renderer.finish(report, xec.snapshot())
      } finally {
        pty?.end()
        await recorder?.stop()
        // A stdin that nobody has read to its end would hold the process open.
        stdin?.destroy()
        renderer.abandon()
        release()
      }
      const [result] = report.results
      if (result === undefined) throw usage(`${name} names no host`)
      if (broken && result.outcome === 'cancelled') return interrupts.status ?? BROKEN_PIPE
      if (!shown) finishBytes(io, options, { result, interrupted: interrupts.status !== undefined, notices, xec })
      return runStatus(result)
    },
  )
}

/** Also a terminal that ssh_config asked for is one that a rerun has not got. */
function withTty({ options, ...rest }: Invocation, pty: PtySession | undefined): Invocation {
  return { ...rest, options: { ...options, tty: pty ? (options.tty ?? 1) : undefined } }
}

/** Streams of files, pipes and terminals count what was read of them; undefined for any other. */
function bytesReadOf(stdin: Io['stdin'] | undefined): number | undefined {
  return (stdin as { readonly bytesRead?: number } | undefined)?.bytesRead
}

function looksOf(io: Io, options: OptionValues, xec: Xec) {
  return {
    live: wantsLive(io.env, io.stdout),
    stdout: io.stdout,
    stderr: io.stderr,
    color: {
      stdout: wantsColor(options.color, io.env, io.stdout),
      stderr: wantsColor(options.color, io.env, io.stderr),
    },
    quiet: options.quiet === true,
    metrics: metricsOf(io, options),
    snapshot: () => xec.snapshot(),
    clock: systemClock,
  }
}

function metricsOf(io: Io, options: OptionValues): MetricsForm {
  return metricsForm(options, io.stderr.isTTY === true ? 'line' : 'off')
}

/** The input and the terminal are the one host's alone: it is given them directly. */
function withTerminal(xec: Xec, stdin: Io['stdin'] | undefined, pty: PtySession | undefined): Executor {
  return {
    execute: (target, command, how) =>
      xec.execute(target, command, { ...how, stdin, onStarted: pty && ((control) => pty.start(control)) }),
  }
}

/** What is left to say behind the bytes. */
function finishBytes(
  io: Io,
  options: OptionValues,
  ended: {
    readonly result: Result
    readonly interrupted: boolean
    readonly notices: Notices
    readonly xec: Xec
  },
): void {
  const { result, interrupted, notices, xec } = ended
  // Behind the ^C that the terminal has echoed.
  if (interrupted && io.stderr.isTTY) io.stderr.write('\n')
  explain(result, notices)
  const note = noteOf(result)
  if (note !== null) notices.warning(`${result.host}: ${note}`)
  if (options.quiet) return
  const paint = createPaint(wantsColor(options.color, io.env, io.stderr))
  const lines = metricsText(metricsOf(io, options), xec.snapshot(), paint)
  io.stderr.write(lines.map((line) => `${line}\n`).join(''))
}

/** Says what the remote side did not say itself. */
function explain({ outcome, exitCode, executed, remoteProcess, error }: Result, notices: Notices): void {
  if (error === null || outcome === 'signal' || (outcome === 'failed' && exitCode !== null)) return
  // What ran has been stopped, as was asked; what never began, or may go on, is worth a word.
  if (outcome === 'cancelled' && executed !== 'no' && remoteProcess !== 'maybe-running') return
  notices.error(error)
}

function ptyFor(io: Io, options: OptionValues, asked: FormatName | undefined): PtySession {
  if (asked !== undefined) {
    const said = options.json ? '--json' : `--output ${asked}`
    throw usage(`${said} and -t contradict each other: a terminal mixes stdout and stderr`)
  }
  if (!io.stdin.isTTY && options.tty === 1)
    throw usage('-t needs a terminal on stdin, and stdin is none; -tt asks for a remote terminal all the same')
  return new PtySession(io, { reads: options.noStdin !== true })
}
