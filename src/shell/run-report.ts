/** What a run over many hosts gives: a result for each, and the sums. */
import type { PoolSnapshot } from '../pool/metrics/snapshot.js'
import type { Report } from '../run/events.js'
import { foldOutputs, type OutputGroup } from '../run/fold.js'
import { toJson, type ReportDocument } from '../run/report.js'
import { ShellResult } from './result.js'

export class RunReport implements Omit<Report, 'results'> {
  /** The run's id. */
  readonly id: string
  readonly command: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  /** Every host ok. */
  readonly ok: boolean
  /** By outcome, and `total`. */
  readonly counts: Report['counts']
  /** In the order of the targets. */
  readonly results: readonly ShellResult[]
  readonly #report: Report
  readonly #snapshot: PoolSnapshot

  constructor(report: Report, snapshot: PoolSnapshot) {
    ;({
      id: this.id,
      command: this.command,
      startedAt: this.startedAt,
      durationMs: this.durationMs,
      ok: this.ok,
      counts: this.counts,
    } = report)
    this.results = Object.freeze(report.results.map((result) => new ShellResult(result)))
    this.#report = report
    this.#snapshot = snapshot
  }

  /** Those that are not ok. */
  get failed(): readonly ShellResult[] {
    return this.results.filter(({ ok }) => !ok)
  }

  /** Hosts with identical outcome, exit status and output, the largest group first. */
  folded(): readonly OutputGroup[] {
    return foldOutputs(this.#report.results)
  }

  /** The document that `xec exec-all --json` prints, with the pool as it was when the run ended. */
  toJSON(): ReportDocument {
    return toJson(this.#report, this.#snapshot)
  }
}
