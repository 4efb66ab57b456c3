/** Line art and signs of our own, for terminals that know UTF-8 and for those that do not. Pure. */

/** Makes a line of ours fit for the terminal; no column is won or lost. */
export type Art = (line: string) => string

const PLAIN: Readonly<Record<string, string>> = { '─': '-', '·': '|', '…': '~', '–': '-', '≤': '<' }

/** @param unicode whether the terminal shows UTF-8 */
export function createArt(unicode: boolean): Art {
  return unicode ? (line) => line : (line) => line.replaceAll(/[─·…–≤]/g, (sign) => PLAIN[sign] ?? sign)
}

/** The signs of the live view where the terminal has no UTF-8. */
export const PLAIN_FIGURES = { good: '+', bad: 'x', skipped: '-', waiting: '.' } as const
export const PLAIN_SPINNER = ['|', '/', '-', '\\'] as const
