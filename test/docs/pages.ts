/** The pages that people read, and what stands in their fences. */
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Fence {
  /** `docs/pool.md:12`, the line of its first line. */
  readonly place: string
  readonly page: string
  readonly language: string
  readonly text: string
  readonly line: number
}

export const pages: readonly string[] = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].sort()

export function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

export function fencesOf(page: string): Fence[] {
  const fences: Fence[] = []
  let open: { language: string; line: number; lines: string[] } | undefined
  read(page)
    .split('\n')
    .forEach((text, i) => {
      const mark = /^```(\w*)\s*$/.exec(text)
      if (!mark) open?.lines.push(text)
      else if (!open) open = { language: mark[1] ?? '', line: i + 2, lines: [] }
      else {
        fences.push({
          place: `${relative('.', page)}:${open.line}`,
          page,
          language: open.language,
          text: open.lines.join('\n'),
          line: open.line,
        })
        open = undefined
      }
    })
  if (open) throw new Error(`${page}:${open.line}: this fence is not closed`)
  return fences
}

export const fences: readonly Fence[] = pages.flatMap(fencesOf)
