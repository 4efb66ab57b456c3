/** Some hosts of a selection by chance, and its order. Pure: the same seed picks the same hosts. */
import { seededRandom, type Random } from '../runtime/random.js'

/** `3` or `10%`; undefined for what is neither. */
export type Amount = { readonly hosts: number } | { readonly percent: number }

export function parseAmount(text: string): Amount | undefined {
  const [, digits, percent] = /^(\d{1,9}(?:\.\d+)?)(%?)$/.exec(text) ?? []
  const value = Number(digits)
  if (digits === undefined || value <= 0) return undefined
  if (percent === '%') return value <= 100 ? { percent: value } : undefined
  return Number.isInteger(value) ? { hosts: value } : undefined
}

export interface PickOptions {
  /** Default: all. */
  readonly amount?: Amount | undefined
  /** Default `inventory`: the order in which the names are given. */
  readonly order?: 'inventory' | 'random' | undefined
  readonly seed: number
}

/** A share is rounded up, so that it never stands for no host; more than there are is all of them. */
export function pickHosts(
  names: readonly string[],
  { amount, order = 'inventory', seed }: PickOptions,
): readonly string[] {
  const random = seededRandom(seed)
  const shuffled = shuffle(names, random)
  const count =
    amount === undefined
      ? names.length
      : 'hosts' in amount
        ? amount.hosts
        : Math.max(1, Math.ceil((names.length * amount.percent) / 100))
  const taken = shuffled.slice(0, count)
  if (order === 'random') return taken
  const chosen = new Set(taken)
  return names.filter((name) => chosen.has(name))
}

/** Fisher and Yates. */
function shuffle(names: readonly string[], random: Random): string[] {
  const left = [...names]
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1))
    const [a, b] = [left[i] ?? '', left[j] ?? '']
    left[i] = b
    left[j] = a
  }
  return left
}
