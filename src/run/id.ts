/** What a run is called. */
import type { Random } from '../runtime/random.js'

/** Letters that nobody mistakes for one another, nor for a word. */
const LETTERS = 'bcdfghjkmnpqrstvwxz23456789'
const RANDOM_LETTERS = 5

/** `20261129-140355-k7x2m`: sorted by name is sorted by time (UTC), and two runs of one second differ. */
export function newRunId(wallMs: number, random: Random): string {
  const [date = '', time = ''] = new Date(wallMs).toISOString().split(/[T.]/)
  const tail = Array.from({ length: RANDOM_LETTERS }, () => LETTERS[Math.floor(random.next() * LETTERS.length)])
  return `${date.replaceAll('-', '')}-${time.replaceAll(':', '')}-${tail.join('')}`
}
