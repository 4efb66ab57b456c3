/** The observers of one run: each hears every event; one that fails cancels the run. */
import type { Result } from '../adapter/types.js'
import type { RunEvent, RunObserver } from './events.js'

export class Observers<R extends Result> {
  constructor(
    private readonly observers: readonly RunObserver<R>[],
    /** Cancels the run, with what an observer threw. */
    private readonly cancel: (reason: unknown) => void,
  ) {}

  /**
   * Tells every observer. A promise when one of them asks to be waited for.
   * @throws what an observer throws, once all have heard the event; a promise rejects with what one rejects with
   */
  ask(event: RunEvent<R>): void | Promise<void> {
    const waits: Promise<void>[] = []
    let broken: { readonly error: unknown } | null = null
    for (const observer of this.observers) {
      try {
        const wait = observer(event)
        if (wait) waits.push(wait)
      } catch (error) {
        broken ??= { error }
      }
    }
    if (broken) {
      this.cancel(broken.error)
      // The others' promises are nobody's any more.
      for (const wait of waits) wait.catch(() => {})
      throw broken.error
    }
    if (waits.length === 0) return undefined
    return Promise.all(waits).then(
      () => {},
      (error: unknown) => {
        this.cancel(error)
        throw error
      },
    )
  }

  /** Tells every observer of what holds nothing back; a failure has cancelled the run by then. */
  tell(event: RunEvent<R>): void {
    try {
      void this.ask(event)?.catch(() => {})
    } catch {
      // `ask` has cancelled the run with it.
    }
  }
}
