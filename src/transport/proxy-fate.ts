/** How a ProxyCommand ended, as far as it has. */
export interface ProxyFate {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last lines of its stderr, fit for a message; empty when it said nothing. */
  readonly said: string
}
