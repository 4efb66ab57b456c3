/** Passwords that a person types, and their answers to what a server asks (RFC 4256): once for each login in this process. */
import type { Prompt } from '../runtime/prompt.js'
import type { Target } from './transport.js'
import { printable } from './words.js'

/** As ssh's NumberOfPasswordPrompts. */
export const PASSWORD_TRIES = 3

export class Passwords {
  readonly #given = new Map<string, string>()

  constructor(private readonly prompt: Prompt) {}

  /**
   * The password that was typed for this login before, or one that is typed now; null when the person gives up.
   * @param refused the server has just refused the last one
   */
  async password(target: Target, refused: boolean): Promise<string | null> {
    const { username, address, port } = target
    const login = JSON.stringify([username, address, port])
    if (refused) this.#given.delete(login)
    const known = this.#given.get(login)
    if (known !== undefined) return known
    const answer = await this.prompt(`${refused ? 'That was not accepted. ' : ''}${loginOf(target)}'s password: `, {
      echo: false,
    })
    if (answer !== null) this.#given.set(login, answer)
    return answer
  }

  /** Answers the questions of one round; null when the person gives up. */
  async answers(
    target: Target,
    questions: readonly { readonly prompt: string; readonly echo?: boolean }[],
  ): Promise<string[] | null> {
    const answers: string[] = []
    for (const { prompt, echo } of questions) {
      const answer = await this.prompt(`(${loginOf(target)}) ${printable(prompt)} `, { echo: echo === true })
      if (answer === null) return null
      answers.push(answer)
    }
    return answers
  }
}

/** As ssh names it. A host that was given as `user@address` says it already. */
function loginOf({ username, host }: Target): string {
  return host.startsWith(`${username}@`) ? host : `${username}@${host}`
}
