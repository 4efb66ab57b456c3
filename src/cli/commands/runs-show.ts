/** `xec runs show`: one recorded run, whole or of some hosts. */
import { evaluate, parseSelector } from '../../inventory/selector.js'
import { makeInventory } from '../../inventory/inventory.js'
import { XecError } from '../../errors.js'
import { findRecord, type RunRecord } from '../../records/records.js'
import { countOutcomes, jsonText } from '../../run/report.js'
import { nearest } from '../../runtime/nearest.js'
import { wantsColor, wantsUnicode } from '../color.js'
import type { CommandRunner } from '../command.js'
import { createArt } from '../output/art.js'
import { createPaint, type Paint } from '../output/paint.js'
import { headLines } from '../output/recorded-run.js'
import { unifiedDiff } from '../output/diff.js'
import { foldedOutputs } from '../output/folded.js'
import { failureLines, noteLines, summaryLine } from '../output/run-summary.js'

export const runsShow: CommandRunner = async (io, { options, operands }) => {
  const [id = 'last', ...expressions] = operands
  const record = hostsOnly(await findRecord(io, id, true), expressions)
  const { report } = record
  if (options.json) {
    const more = { id: report.id, state: record.state }
    for (const text of jsonText(report, record.pool, more)) io.stdout.write(text)
    return 0
  }
  const paint = createPaint(wantsColor(options.color, io.env, io.stdout))
  const art = createArt(wantsUnicode(io.env))
  const line = (text: string): void => void io.stdout.write(`${art(text)}\n`)
  const ending = (painted: Paint): string[] => [
    ...noteLines(report.results, painted),
    ...failureLines(report.results, painted),
    ...(options.quiet ? [] : [summaryLine(report, painted)]),
  ]
  if (!options.quiet) for (const each of headLines(record, paint)) line(each)
  const folded = {
    paint,
    art,
    columns: io.stdout.columns || 80,
    similar: options.foldSimilar === true,
    patch: options.diff ? await unifiedDiff() : undefined,
    closing: ending(createPaint(false)).map(art),
  }
  for (const text of foldedOutputs(report.results, folded)) io.stdout.write(text)
  for (const each of ending(paint)) line(each)
  return 0
}

/** The record with some of its hosts: names and expressions, as elsewhere. @throws XecError XEC_CONFIG, XEC_UNKNOWN_HOST */
function hostsOnly(record: RunRecord, expressions: readonly string[]): RunRecord {
  if (expressions.length === 0) return record
  const hosts = new Map(record.items.map(({ host }) => [host, {}]))
  const inventory = makeInventory(hosts, new Map(), {})
  const unknown = (name: string): never => {
    const near = nearest(name, hosts.keys())
    throw new XecError(
      'XEC_UNKNOWN_HOST',
      `${name} is no host of run ${record.head.id}${near === undefined ? '' : `; did you mean ${near}?`}`,
      { host: name },
    )
  }
  const chosen = new Set(expressions.flatMap((text) => [...evaluate(parseSelector(text), inventory, unknown)]))
  const results = record.report.results.filter(({ host }) => chosen.has(host))
  const counts = countOutcomes(results)
  return {
    ...record,
    items: record.items.filter(({ host }) => chosen.has(host)),
    open: record.open.filter(({ host }) => chosen.has(host)),
    report: { ...record.report, results, counts, ok: counts.ok === counts.total },
  }
}
