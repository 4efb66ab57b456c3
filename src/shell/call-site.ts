/** Where in the program a command was written, for the stack of its error. */

/** Frames kept of each call: capturing them costs some microseconds, and V8 writes them as text only when they are read. */
const FRAMES = 6

export interface CallSite {
  /** Set by V8: a line for the object, then the frames. */
  readonly stack?: string
}

/** @param below the function whose caller is the place */
export function callSite(below: (...args: never[]) => unknown): CallSite {
  const site: CallSite = {}
  const { stackTraceLimit } = Error
  // Who has turned stacks down, or off, keeps that.
  if (stackTraceLimit > FRAMES) Error.stackTraceLimit = FRAMES
  Error.captureStackTrace(site, below)
  Error.stackTraceLimit = stackTraceLimit
  return site
}

/** The frames alone, each in a line of its own; empty where V8 kept none. */
export function framesOf({ stack }: CallSite): string {
  const start = typeof stack === 'string' ? stack.search(/\n {4}at /) : -1
  return start < 0 ? '' : (stack as string).slice(start)
}
