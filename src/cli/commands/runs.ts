/** `xec runs`: the recorded runs of this user, the latest first. */
import { OUTCOMES } from '../../adapter/types.js'
import { formatDuration } from '../../runtime/duration.js'
import { openShelf, pathOf, readSummary, type RunSummary } from '../../records/records.js'
import { messageOf } from '../../errors.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { createNotices } from '../notices.js'
import { createPaint } from '../output/paint.js'
import { localTime } from '../output/recorded-run.js'
import { table } from '../output/table.js'

export const runs: CommandRunner = async (io, { options }) => {
  const notices = createNotices(io, options)
  const shelf = await openShelf(io)
  for (const warning of shelf.warnings) notices.warning(warning)
  const found: RunSummary[] = []
  for (const id of shelf.ids) {
    try {
      const summary = await readSummary(pathOf(shelf, id))
      if (summary) found.push(summary)
      else notices.warning(`${pathOf(shelf, id)} is not a record of this version of xec`)
    } catch (error) {
      // Thrown away between the listing and the reading.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') notices.warning(messageOf(error))
    }
  }
  found.sort((a, b) => (a.head.startedAt < b.head.startedAt ? 1 : -1))
  if (options.json) {
    io.stdout.write(`${JSON.stringify({ schemaVersion: 1, runs: found.map(documentOf) })}\n`)
    return 0
  }
  if (found.length === 0)
    notices.note('no run is recorded yet; xec exec-all keeps a record of each run, and xec run does with --record')
  else
    io.stdout.write(
      table<RunSummary>(
        [
          { title: 'RUN', value: ({ head }) => head.id },
          { title: 'STARTED', value: ({ head }) => localTime(head.startedAt) },
          {
            title: 'TIME',
            value: ({ durationMs }) => (durationMs === null ? '–' : formatDuration(durationMs)),
            align: 'right',
          },
          { title: 'HOSTS', value: ({ counts, open }) => String(counts.total + open), align: 'right' },
          { title: 'RESULT', value: resultOf },
          { title: 'COMMAND', value: ({ head }) => head.command },
        ],
        found,
        {
          heading: createPaint(wantsColor(options.color, io.env, io.stdout)).faint,
          width: io.stdout.isTTY ? io.stdout.columns || 80 : undefined,
        },
      ),
    )
  return 0
}

function resultOf({ state, counts, open }: RunSummary): string {
  const ended = OUTCOMES.flatMap((outcome) => (counts[outcome] > 0 ? [`${counts[outcome]} ${outcome}`] : []))
  if (state === 'running') return ['running', ...ended, `${open} to go`].join(' · ')
  return [...(state === 'interrupted' ? ['interrupted'] : []), ...ended].join(' · ')
}

function documentOf({ head, state, counts, durationMs }: RunSummary): object {
  const { id, command, startedAt, user, machine, cwd, config, rerunOf, request } = head
  return {
    id,
    command,
    name: request.name,
    startedAt,
    durationMs,
    state,
    ok: state === 'ended' && counts.ok === counts.total,
    counts,
    user,
    machine,
    cwd,
    config,
    rerunOf,
  }
}
