/** `xec exec-all`: one command on many hosts, through the pool. */
import { systemClock } from '../../runtime/clock.js'
import { wantsColor, wantsLive, wantsUnicode } from '../color.js'
import type { CommandRunner } from '../command.js'
import { processConsole } from '../console.js'
import { showDryRun } from '../dry-run.js'
import { BROKEN_PIPE, fleetStatus } from '../exit-status.js'
import { commandsOf, openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { askedFormat, format } from '../output/formats.js'
import { metricsForm } from '../output/metrics.js'
import { withProgress } from '../output/progress-line.js'
import type { RunRenderer, RunRendererOptions } from '../output/renderer.js'
import { readCommand, titleOf } from '../request.js'
import { withSession } from '../session.js'
import { usage } from '../values.js'

export const execAll: CommandRunner = async (io, invocation) => {
  const { options, words } = invocation
  if (options.group === undefined && options.hosts === undefined && options.all === undefined) {
    const [first = '', ...rest] = words
    const { inventory } = await openFleet(io, invocation, createNotices(io, { quiet: true }))
    throw usage(
      `which hosts? Say -g GROUP, -w EXPR or --all, as in: xec exec-all -g ${inventory.groups.has(first) ? `${first} ${rest.join(' ') || 'uptime'}` : 'web uptime'}`,
    )
  }
  // Questions and notices go where the live picture is, which is not there yet.
  let picture: RunRenderer | undefined
  const pause = (): (() => void) => picture?.pause() ?? (() => {})
  const notices = createNotices(io, options, pause)
  const command = await readCommand(io, options, words)
  const title = titleOf(command)
  const fleet = await openFleet(io, invocation, notices)
  const commands = commandsOf(await fleet.resolve(fleet.select(options), !options.dryRun), command)
  const live = wantsLive(io.env, io.stdout)
  const shown = format(askedFormat(options) ?? (live ? 'grouped' : 'lines'))
  if (options.dryRun) return showDryRun(io, commands, title, shown.document)

  const createRenderer = await shown.load()
  return withSession(
    io,
    {
      command: 'exec-all',
      pool: fleet.pool,
      verbose: options.verbose,
      notices,
      pause: () => picture?.pause(true) ?? (() => {}),
    },
    async ({ xec, interrupts }) => {
      let broken = false
      const looks: RunRendererOptions = {
        live,
        stdout: io.stdout,
        stderr: io.stderr,
        color: {
          stdout: wantsColor(options.color, io.env, io.stdout),
          stderr: wantsColor(options.color, io.env, io.stderr),
        },
        unicode: wantsUnicode(io.env),
        console: processConsole(io, { keepEcho: options.stdin === true }),
        quiet: options.quiet === true,
        metrics: metricsForm(options, 'line'),
        snapshot: () => xec.snapshot(),
        command: title,
        clock: systemClock,
        onClosed() {
          broken = true
          interrupts.abort()
        },
      }
      const progress = !options.quiet && io.stdout.isTTY !== true && wantsLive(io.env, io.stderr)
      const renderer = progress ? withProgress(createRenderer(looks), looks, shown.streams) : createRenderer(looks)
      picture = renderer
      const stdin = options.stdin ? io.stdin : undefined
      const abandon = (): void => renderer.abandon()
      const release = io.onExit(abandon)
      try {
        const report = await xec.run(commands, {
          signal: interrupts.signal,
          fanout: options.fanout,
          failFast: options.failFast,
          timeoutMs: options.timeout,
          queueTimeoutMs: options.queueTimeout,
          retryCommands: options.retryCommands,
          // What a pipe has been given line by line is not shown a second time.
          ...(shown.captures ? {} : { captureBytes: 0 }),
          stdin,
          observers: [(event) => renderer.onEvent(event)],
          commandText: title,
        })
        await renderer.finish(report, xec.snapshot())
        return broken ? BROKEN_PIPE : fleetStatus(report)
      } catch (error) {
        abandon()
        throw error
      } finally {
        release()
        // A stdin that nobody has read to its end would hold the process open.
        stdin?.destroy()
      }
    },
  )
}
