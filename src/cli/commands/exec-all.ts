/** `xec exec-all`: one command on many hosts, through the pool. */
import { listsIn } from '../../inventory/selector.js'
import type { CommandRunner } from '../command.js'
import { checkStdinUsers } from '../host-lists.js'
import { commandsOf, openFleet } from '../fleet.js'
import { createPicture, runFleet } from '../fleet-run.js'
import { createNotices } from '../notices.js'
import { isRecorded, requestOf } from '../recording.js'
import { readCommand, titleOf } from '../request.js'
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
  const picture = createPicture(io, options)
  checkStdinUsers(options, listsIn([options.hosts ?? [], options.exclude ?? []].flat()))
  const command = await readCommand(io, options, words)
  const fleet = await openFleet(io, invocation, picture.notices)
  return runFleet(io, {
    name: 'exec-all',
    commands: commandsOf(await fleet.resolve(await fleet.select(options), !options.dryRun), command),
    title: titleOf(command),
    pool: fleet.pool,
    options,
    picture,
    stdin: options.stdin && !options.dryRun ? io.stdin : undefined,
    recording: isRecorded(options, fleet.history)
      ? {
          request: requestOf(io, 'exec-all', invocation, command, options.stdin ? 'sent' : 'none'),
          config: fleet.source,
        }
      : undefined,
  })
}
