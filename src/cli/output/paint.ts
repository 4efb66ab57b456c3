/** Colours by meaning, so that no two places disagree on what red is. */
import { Chalk } from 'chalk'

export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly busy: (text: string) => string
  readonly faint: (text: string) => string
  readonly strong: (text: string) => string
}

/** `color: false` paints nothing. The sixteen colours only: they follow the terminal's own theme. */
export function createPaint(color: boolean): Paint {
  const chalk = new Chalk({ level: color ? 1 : 0 })
  return { good: chalk.green, bad: chalk.red, busy: chalk.cyan, faint: chalk.dim, strong: chalk.bold }
}
