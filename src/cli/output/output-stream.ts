import type { Writable } from 'node:stream'

/** Where output goes. `isTTY`, `columns` and `rows` are those of a terminal and absent elsewhere. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }
