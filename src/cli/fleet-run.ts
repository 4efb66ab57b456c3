/** One command on many hosts, shown as the options ask: what every command does that has its hosts and its command line. */
import type { Readable } from 'node:stream'
import type { PoolOptions } from '../pool/options.js'
import type { HostCommand } from '../run/local.js'
import { systemClock } from '../runtime/clock.js'
import { wantsColor, wantsLive, wantsUnicode } from './color.js'
import { processConsole } from './console.js'
import { showDryRun } from './dry-run.js'
import { BROKEN_PIPE, fleetStatus } from './exit-status.js'
import type { Io } from './io.js'
import { createNotices, type Notices } from './notices.js'
import type { OptionValues } from './options.js'
import { chooseOutput } from './output/choice.js'
import { metricsForm } from './output/metrics.js'
import { withProgress } from './output/progress-line.js'
import type { RunRenderer, RunRendererOptions } from './output/renderer.js'
import { openOutputDir, type OutputDir } from './output-dir.js'
import { recorderOf, type Recording } from './recording.js'
import { withSession, type Session } from './session.js'

/** Questions and notices stand where the live picture is, which comes later than the first of them. */
export interface Picture {
  readonly notices: Notices
  /** Takes the picture off the terminal for a person to answer a question; returns the way to put it back. */
  readonly pauseToAsk: () => () => void
  /** What is shown from now on. */
  show(renderer: RunRenderer): void
}

export function createPicture(io: Io, options: Pick<OptionValues, 'quiet' | 'verbose'>): Picture {
  let shown: RunRenderer | undefined
  return {
    notices: createNotices(io, options, () => shown?.pause() ?? (() => {})),
    pauseToAsk: () => shown?.pause(true) ?? (() => {}),
    show(renderer) {
      shown = renderer
    },
  }
}

export interface FleetRun {
  /** The xec command, for stats: `exec-all`. */
  readonly name: string
  readonly commands: readonly HostCommand[]
  /** How the remote command is called in reports. */
  readonly title: string
  readonly pool: Partial<PoolOptions>
  readonly options: OptionValues
  readonly picture: Picture
  /** Sent to every host. */
  readonly stdin?: Readable | undefined
  /** What is written down of the run; absent: nothing. */
  readonly recording?: Recording | undefined
}

/** Runs, shows and reports it, or with `dryRun` says what would run. @returns the exit status */
export async function runFleet(io: Io, run: FleetRun): Promise<number> {
  const { name: command, commands, title, pool, options, picture } = run
  const live = wantsLive(io.env, io.stdout)
  const shown = chooseOutput(options, live)
  if (options.dryRun) return showDryRun(io, commands, title, shown.document)
  const createRenderer = await shown.load()
  const files = options.outputDir === undefined ? undefined : await openOutputDir(io.cwd, options.outputDir)
  const { notices, pauseToAsk: pause } = picture
  return withSession(io, { command, pool, verbose: options.verbose, notices, pause }, async (session) => {
    let broken = false
    const looks = looksOf(io, run, session, () => {
      broken = true
      session.interrupts.abort()
    })
    const progress = !options.quiet && io.stdout.isTTY !== true && wantsLive(io.env, io.stderr)
    const renderer = progress ? withProgress(createRenderer(looks), looks, shown.streams) : createRenderer(looks)
    picture.show(renderer)
    const status = await shownRun(io, run, session, { renderer, files, captures: shown.captures })
    return broken ? BROKEN_PIPE : status
  })
}

function looksOf(
  io: Io,
  { options, title, stdin }: FleetRun,
  { xec }: Session,
  onClosed: () => void,
): RunRendererOptions {
  return {
    live: wantsLive(io.env, io.stdout),
    stdout: io.stdout,
    stderr: io.stderr,
    color: {
      stdout: wantsColor(options.color, io.env, io.stdout),
      stderr: wantsColor(options.color, io.env, io.stderr),
    },
    unicode: wantsUnicode(io.env),
    console: processConsole(io, { keepEcho: stdin !== undefined }),
    quiet: options.quiet === true,
    metrics: metricsForm(options, 'line'),
    snapshot: () => xec.snapshot(),
    command: title,
    clock: systemClock,
    onClosed,
  }
}

/** Where the run goes. */
interface Shown {
  readonly renderer: RunRenderer
  readonly files: OutputDir | undefined
  /** Whether results must hold the output. */
  readonly captures: boolean
}

async function shownRun(
  io: Io,
  { commands, title, options, stdin, recording, picture }: FleetRun,
  { xec, interrupts }: Session,
  { renderer, files, captures }: Shown,
): Promise<number> {
  const abandon = (): void => renderer.abandon()
  const release = io.onExit(abandon)
  const recorder = recorderOf(io, recording, xec, picture.notices)
  try {
    const report = await xec.run(commands, {
      signal: interrupts.signal,
      fanout: options.fanout,
      failFast: options.failFast,
      timeoutMs: options.timeout,
      queueTimeoutMs: options.queueTimeout,
      retryCommands: options.retryCommands,
      // What a pipe has been given line by line is not shown a second time.
      ...(captures ? {} : { captureBytes: 0 }),
      stdin,
      observers: [
        (event) => renderer.onEvent(event),
        ...(files ? [files.observer] : []),
        ...(recorder ? [recorder.observer] : []),
      ],
      commandText: title,
    })
    await files?.finish(report)
    await renderer.finish(report, xec.snapshot())
    return fleetStatus(report)
  } catch (error) {
    abandon()
    throw error
  } finally {
    release()
    await recorder?.stop()
    // A stdin that nobody has read to its end would hold the process open.
    stdin?.destroy()
  }
}
