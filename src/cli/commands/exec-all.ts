/** `xec exec-all`: one command on many hosts, through the pool. */
import { systemClock } from '../../runtime/clock.js'
import { wantsColor, wantsLive } from '../color.js'
import type { CommandRunner } from '../command.js'
import { showDryRun } from '../dry-run.js'
import { BROKEN_PIPE, fleetStatus } from '../exit-status.js'
import { itemsOf, openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { wantsJson } from '../options.js'
import { createRunRenderer, type RunRenderer } from '../output/renderer.js'
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
  const json = wantsJson(options)
  // Questions and notices go where the live picture is, which is not there yet.
  let picture: RunRenderer | undefined
  const pause = (): (() => void) => picture?.pause() ?? (() => {})
  const notices = createNotices(io, options, pause)
  const command = await readCommand(io, options, words)
  const title = titleOf(command)
  const fleet = await openFleet(io, invocation, notices)
  const items = itemsOf(await fleet.resolve(fleet.select(options), !options.dryRun), command)
  if (options.dryRun) return showDryRun(io, items, title, json)

  const live = !json && wantsLive(io.env, io.stdout)
  return withSession(
    io,
    { command: 'exec-all', pool: fleet.pool, verbose: options.verbose, notices, pause },
    async ({ xec, interrupts }) => {
      let broken = false
      const renderer = createRunRenderer({
        mode: json ? 'json' : live ? 'live' : 'pipe',
        stdout: io.stdout,
        stderr: io.stderr,
        color: {
          stdout: wantsColor(options.color, io.env, io.stdout),
          stderr: wantsColor(options.color, io.env, io.stderr),
        },
        quiet: options.quiet === true,
        metrics: options.metrics ?? true,
        snapshot: () => xec.snapshot(),
        command: title,
        clock: systemClock,
        onClosed() {
          broken = true
          interrupts.abort()
        },
      })
      picture = renderer
      const stdin = options.stdin ? io.stdin : undefined
      const abandon = (): void => renderer.abandon()
      const release = io.onExit(abandon)
      try {
        const report = await xec.run(items, {
          signal: interrupts.signal,
          fanout: options.fanout,
          failFast: options.failFast,
          timeoutMs: options.timeout,
          queueTimeoutMs: options.queueTimeout,
          retryCommands: options.retryCommands,
          // What a pipe has been given line by line is not shown a second time.
          ...(json || live ? {} : { captureBytes: 0 }),
          stdin,
          onEvent: (event) => renderer.onEvent(event),
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
