/**
 * A question to the person at the terminal, as a port. Resolves with the answer, or null when there is no
 * terminal, the person gave up (Ctrl-C, EOF). Implementations ask one question at a time.
 * `echo: false` hides what is typed.
 */
export type Prompt = (question: string, options: { echo: boolean }) => Promise<string | null>
