/** `xec rerun`: a recorded run again, on those of its hosts where that is safe, or where the options say so. */
import { OUTCOMES } from '../../adapter/types.js'
import { findRecord, pick, type PickName, type RunRecord } from '../../records/records.js'
import { bytesOf } from '../../records/format.js'
import type { CommandRunner, Invocation } from '../command.js'
import { commandsOf, openFleet } from '../fleet.js'
import { createPicture, runFleet } from '../fleet-run.js'
import type { Notices } from '../notices.js'
import { OPTIONS, type OptionName, type OptionValues } from '../options.js'
import { isRecorded, requestOf } from '../recording.js'
import { readCommand, titleOf } from '../request.js'
import { foldNames } from '../../inventory/fold-names.js'
import { usage } from '../values.js'

export const rerun: CommandRunner = async (io, invocation) => {
  const [id = 'last', more] = invocation.operands
  if (more !== undefined) throw usage(`one run at a time: xec rerun ${id}; what ran is in its record, not ${more}`)
  const record = await findRecord(io, id, false)
  checkRepeatable(record)
  const said = again(record, invocation)
  const { options } = said
  const picture = createPicture(io, options)
  const names = takenHosts(record, invocation.options, picture.notices)
  const { script } = record.head.request
  const stored = script ? { name: script.name, content: bytesOf(script) } : undefined
  const command = await readCommand(io, { ...options, script: undefined }, said.words, undefined, stored)
  const fleet = await openFleet(io, said, picture.notices, record.head.cwd)
  if (record.head.config !== fleet.source)
    picture.notices.warning(
      `the inventory is that of ${fleet.source ?? 'no file'} now; the run's was that of ${record.head.config ?? 'no file'}`,
    )
  const hosts = await fleet.selectNamed(names, invocation.options.exclude ?? [])
  return runFleet(io, {
    name: 'rerun',
    commands: commandsOf(await fleet.resolve(hosts, !options.dryRun), command),
    title: titleOf(command),
    pool: fleet.pool,
    options,
    picture,
    recording: isRecorded(options, fleet.history)
      ? { request: requestOf(io, 'rerun', said, command, 'none'), config: fleet.source, rerunOf: record.head.id }
      : undefined,
  })
}

/** @throws XecError XEC_CONFIG for a run that is not over, or that needs what no record holds */
function checkRepeatable({ head, state, stdin }: RunRecord): void {
  if (state === 'running')
    throw usage(`run ${head.id} is still running (process ${head.pid}); it can be run again when it has ended`)
  if (head.request.options['tty'] !== undefined)
    throw usage(`run ${head.id} had a terminal (-t), which a rerun over many hosts has not; run it again by hand`)
  if (stdin)
    throw usage(
      `run ${head.id} was sent an input, which is not stored; send it again to the same hosts: xec exec-all -w '@run(${head.id}):failed' --stdin … < FILE`,
    )
}

/**
 * The hosts to run it on.
 * @throws XecError XEC_CONFIG when there is none
 */
function takenHosts(record: RunRecord, options: OptionValues, notices: Notices): readonly string[] {
  const { results } = record.report
  const { taken, unknown } = pick(results, namesOf(options))
  const left =
    unknown.length === 0
      ? ''
      : `left out: ${count(unknown.length)} whose command may have run (${foldNames(unknown.map(({ host }) => host))}); --lost and --timeout name such hosts, and it may then run twice there`
  if (taken.length === 0)
    throw usage(`nothing of run ${record.head.id} to run again: ${[countsOf(record), left].filter(Boolean).join('; ')}`)
  notices.note(`run ${record.head.id} again on ${taken.length} of its ${count(results.length)}`)
  if (left !== '') notices.note(left)
  return taken.map(({ host }) => host)
}

/** `of its 5 hosts 2 are lost, 3 skipped`. */
function countsOf({ report: { counts } }: RunRecord): string {
  const each = OUTCOMES.flatMap((outcome) => (counts[outcome] > 0 ? [`${counts[outcome]} ${outcome}`] : []))
  const started = counts.skipped > 0 ? ' (--not-started takes those that were skipped)' : ''
  return `its ${count(counts.total)}: ${each.join(', ')}${started}`
}

const count = (hosts: number): string => `${hosts} host${hosts === 1 ? '' : 's'}`

function namesOf({ failed, unreachable, lost, timedOut, notStarted, notOk }: OptionValues): PickName[] {
  const given = { failed, unreachable, lost, timeout: timedOut, notStarted, notOk }
  return (Object.keys(given) as PickName[]).filter((name) => given[name] === true)
}

/**
 * The command line of the record with the options of this one over it. What the record says wins over variables of
 * today: it is the same run.
 */
function again({ head: { request } }: RunRecord, { options, fromEnv }: Invocation): Invocation {
  const flags = Object.entries(options).filter(([name]) => !fromEnv.has(name as OptionName))
  const stored = Object.entries(request.options).filter(([name]) => Object.hasOwn(OPTIONS, name))
  const flagged = new Set(flags.map(([name]) => name))
  const storedFromEnv = request.fromEnv.filter((name) => !flagged.has(name)) as OptionName[]
  const today = [...fromEnv].filter((name) => !Object.hasOwn(request.options, name))
  const merged: OptionValues = { ...options, ...Object.fromEntries([...stored, ...flags]) }
  return {
    // What was excluded now is no part of the command line that a further rerun repeats.
    options: { ...merged, exclude: request.options['exclude'] as OptionValues['exclude'] },
    fromEnv: new Set([...storedFromEnv, ...today]),
    operands: [],
    words: request.words,
  }
}
