/** Durations as people write them: `500ms`, `30s`, `1.5h`. */

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Parses a duration with a unit (`ms`, `s`, `m`, `h`, `d`; fractions allowed) into milliseconds.
 * Returns undefined when the text is not one; a bare number has no unit and so is not one.
 */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim())
  if (!match) return undefined
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? NaN)
}

/** Milliseconds for people: `41ms`, `1.3s`, `2m05s`, `1h03m`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`
  const seconds = Math.round(ms / 1_000)
  const pad = (n: number): string => String(n).padStart(2, '0')
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${pad(seconds % 60)}s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`
}
