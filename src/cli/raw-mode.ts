/** A local terminal handed to a remote one: raw while the remote command runs, and as it was on every way out. */
import { spawnSync } from 'node:child_process'
import type { PtyRequest } from '../transport/transport.js'
import type { Io, Output } from './io.js'

/**
 * Makes the terminal on stdin raw, and returns the way back: idempotent, synchronous, also called when the process exits.
 * By stty(1): Node's own raw mode leaves output processing on (ONLCR), under which a remote full-screen program's bare
 * newlines would jump to the first column.
 */
export function enterRawMode(io: Io): () => void {
  const saved = stty('-g')
  const byNode = saved === undefined
  if (byNode) (io.stdin as { setRawMode?: (raw: boolean) => void }).setRawMode?.(true)
  else stty('raw', '-echo', '-iexten')
  let restored = false
  const restore = (): void => {
    if (restored) return
    restored = true
    release()
    if (byNode) (io.stdin as { setRawMode?: (raw: boolean) => void }).setRawMode?.(false)
    else stty(saved)
  }
  const release = io.onExit(restore)
  return restore
}

function stty(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** What to ask of the server: the terminal's type, and the size of ours (80x24 when there is none). */
export function ptyRequest(io: Io): PtyRequest {
  return { term: io.env['TERM'] || 'vt100', ...windowSize(io) }
}

/** The size now: of stdout's terminal, or stderr's when stdout goes elsewhere. */
export function windowSize({ stdout, stderr }: Pick<Io, 'stdout' | 'stderr'>): { rows: number; cols: number } {
  const terminal = [stdout, stderr].find((stream: Output) => stream.isTTY === true)
  const [cols, rows] = terminal?.getWindowSize?.() ?? [0, 0]
  return { rows: rows || 24, cols: cols || 80 }
}
