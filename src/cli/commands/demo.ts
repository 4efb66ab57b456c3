/**
 * `xec demo`: the main job on an embedded fleet, for who has no server at hand. What runs is what `xec exec-all` runs:
 * the same fan-out, pool and renderer. It reads no configuration and no key, and touches no file.
 */
import { wantsColor, wantsLive, wantsUnicode } from '../color.js'
import { BROKEN_PIPE } from '../exit-status.js'
import type { CommandRunner } from '../command.js'
import { processConsole } from '../console.js'
import type { Io } from '../io.js'
import { createNotices } from '../notices.js'
import { createPaint } from '../output/paint.js'
import { format } from '../output/formats.js'
import type { MetricsForm } from '../output/metrics.js'
import type { RunRenderer } from '../output/renderer.js'
import { withSession, type Session } from '../session.js'
import type { Report } from '../../run/events.js'
import { systemClock } from '../../runtime/clock.js'
import { startFleet, type Fleet } from '../../demo/fleet.js'
import { createStory, FIRST, HOSTS, KNOBS, roleOf, SECOND, type Story } from './demo-story.js'

/** @returns 0, although one host fails, since it is meant to; 130, 143 or 129 when a signal ended it; 141 when nobody reads on */
export const demo: CommandRunner = async (io, { options }) => {
  const color = wantsColor(options.color, io.env, io.stdout)
  const story = createStory(createPaint(color), wantsLive(io.env, io.stdout), (text) => void io.stdout.write(text))
  let picture: RunRenderer | undefined
  const pause = (): (() => void) => picture?.pause() ?? (() => {})
  let fleet: Fleet | undefined
  // A second Ctrl-C leaves at once, and so must the processes.
  const release = io.onExit(() => fleet?.abandon())
  try {
    const status = await withSession(
      io,
      { command: 'demo', pool: {}, verbose: 0, notices: createNotices(io, {}, pause), pause, stats: false },
      async (session) => {
        fleet = await startFleet(HOSTS, KNOBS)
        return tour(io, session, fleet, story, {
          color,
          begun: (renderer) => {
            picture = renderer
          },
        })
      },
    )
    if (fleet) {
      await fleet.stop()
      if (status !== BROKEN_PIPE) story.end(status === 0, fleet)
    }
    return status
  } finally {
    await fleet?.stop()
    release()
  }
}

interface Look {
  readonly color: boolean
  readonly begun: (renderer: RunRenderer) => void
}

async function tour(io: Io, session: Session, fleet: Fleet, story: Story, look: Look): Promise<number> {
  const {
    xec,
    interrupts: { signal },
  } = session
  // A signal's own status comes before this one; an abort without a signal is a reader that went away.
  if (signal.aborted) return BROKEN_PIPE
  story.welcome()
  story.first()
  const first = await execAll(io, session, fleet, { ...look, line: FIRST, metrics: 'off' })
  if (signal.aborted) return BROKEN_PIPE
  const between = xec.snapshot()
  story.second(between)
  const second = await execAll(io, session, fleet, { ...look, line: SECOND, metrics: 'full' })
  if (signal.aborted) return BROKEN_PIPE
  story.figures([first, second], between, xec.snapshot())
  return 0
}

/** One exec-all, shown as exec-all shows it, but on stdout altogether: in a tour the order of things matters. */
async function execAll(
  io: Io,
  { xec, interrupts }: Session,
  fleet: Fleet,
  { line, metrics, color, begun }: Look & { readonly line: string; readonly metrics: MetricsForm },
): Promise<Report> {
  const live = wantsLive(io.env, io.stdout)
  const createRenderer = await format(live ? 'grouped' : 'lines').load()
  const renderer = createRenderer({
    live,
    stdout: io.stdout,
    stderr: io.stdout,
    color: { stdout: color, stderr: color },
    unicode: wantsUnicode(io.env),
    console: processConsole(io, { keepEcho: false }),
    quiet: false,
    metrics,
    snapshot: () => xec.snapshot(),
    command: line,
    clock: systemClock,
    onClosed: () => interrupts.abort(),
  })
  begun(renderer)
  const release = io.onExit(() => renderer.abandon())
  try {
    const commands = fleet.targets.map((target) => ({ target, command: { line, env: roleOf(target.host) } }))
    const report = await xec.run(commands, {
      signal: interrupts.signal,
      commandText: line,
      observers: [(event) => renderer.onEvent(event)],
    })
    await renderer.finish(report, xec.snapshot())
    return report
  } finally {
    renderer.abandon()
    release()
  }
}
