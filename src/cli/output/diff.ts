/** How two texts differ, as a unified diff. The package that finds out is loaded when it is asked for. */

/** Longer than this a comparison of two outputs is given up, in ms. */
const LONGEST_MS = 2_000

/** The lines of a unified diff with its two headings; undefined when it takes too long to find out. */
export type Patch = (before: string, after: string, from: string, to: string) => readonly string[] | undefined

export async function unifiedDiff(): Promise<Patch> {
  const { structuredPatch } = await import('diff')
  return (before, after, from, to) => {
    const patch = structuredPatch(from, to, before, after, undefined, undefined, { context: 3, timeout: LONGEST_MS })
    if (!patch) return undefined
    const hunks = patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
      `@@ -${startOf(oldStart, oldLines)},${oldLines} +${startOf(newStart, newLines)},${newLines} @@`,
      ...lines,
    ])
    return [`--- ${from}`, `+++ ${to}`, ...hunks]
  }
}

/** A hunk without lines on one side stands behind the line before it (POSIX diff -u). */
function startOf(start: number, lines: number): number {
  return lines === 0 ? start - 1 : start
}
