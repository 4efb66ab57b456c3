/** `xec runs diff`: the hosts whose answer changed from one run to another; equal changes once. */
import { foldNames } from '../../inventory/fold-names.js'
import type { Result } from '../../adapter/types.js'
import { compareRuns, findRecord, type Changed } from '../../records/records.js'
import { hostDocument } from '../../run/report.js'
import { wantsColor, wantsUnicode } from '../color.js'
import type { CommandRunner } from '../command.js'
import { createArt } from '../output/art.js'
import { unifiedDiff } from '../output/diff.js'
import { changeLines, endingWord } from '../output/run-diff.js'
import { createPaint } from '../output/paint.js'
import { usage } from '../values.js'

export const runsDiff: CommandRunner = async (io, { options, operands }) => {
  const [before, after, more] = operands
  if (before === undefined || after === undefined || more !== undefined)
    throw usage('two runs are compared, as in: xec runs diff 20260131-140355 last; xec runs lists them')
  const [a, b] = [await findRecord(io, before, true), await findRecord(io, after, true)]
  const { changed, same, onlyBefore, onlyAfter } = compareRuns(a.report, b.report)
  if (options.json) {
    const hosts = changed.map(({ host, before: was, after: is }) => ({
      host,
      before: hostDocument(was),
      after: hostDocument(is),
    }))
    io.stdout.write(
      `${JSON.stringify({ schemaVersion: 1, before: a.head.id, after: b.head.id, changed: hosts, same, onlyBefore, onlyAfter })}\n`,
    )
    return 0
  }
  const paint = createPaint(wantsColor(options.color, io.env, io.stdout))
  const art = createArt(wantsUnicode(io.env))
  const line = (text: string): void => void io.stdout.write(`${art(text)}\n`)
  const shown = { paint, columns: io.stdout.columns || 80, patch: await unifiedDiff() }
  for (const group of groupsOf(changed)) for (const each of changeLines(group, shown)) line(each)
  for (const [hosts, id] of [
    [onlyBefore, a.head.id],
    [onlyAfter, b.head.id],
  ] as const)
    if (hosts.length > 0) line(`only in ${id}: ${foldNames(hosts)} (${hosts.length})`)
  line(`${changed.length} changed · ${same.length} the same`)
  return 0
}

/** Hosts with the same answers before and after, the largest group first. */
function groupsOf(changed: readonly Changed[]): readonly (Changed & { readonly hosts: readonly string[] })[] {
  const groups = new Map<string, Changed & { hosts: string[] }>()
  for (const change of changed) {
    const key = JSON.stringify([answer(change.before), answer(change.after)])
    const group = groups.get(key)
    if (group) group.hosts.push(change.host)
    else groups.set(key, { ...change, hosts: [change.host] })
  }
  return [...groups.values()].sort((a, b) => b.hosts.length - a.hosts.length)
}

const answer = (result: Result): readonly string[] => [
  endingWord(result),
  result.stdout.toString('latin1'),
  result.stderr.toString('latin1'),
]
