/**
 * Where a mutant's text stands in a source. Blanks and line breaks count as one blank, so that the formatter may wrap a
 * line without making the list out of date.
 */
export function locate(source, before) {
  const pattern = before
    .replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    .replace(/\s+/g, '\\s+')
    .replaceAll('\\(', '\\(\\s*')
  return [...source.matchAll(new RegExp(pattern, 'g'))].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }))
}
