/** The terminal under a live picture: whose keys it hears, whether it echoes them, Ctrl-Z. */
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Io } from './io.js'
import type { Console } from './output/console.js'

/** @param keepEcho what is typed is data for the hosts, and stays visible */
export function processConsole(io: Io, { keepEcho }: { readonly keepEcho: boolean }): Console {
  return {
    inForeground,
    hideTyping: () => (keepEcho ? () => {} : hideTyping(io)),
    onSuspend: ({ suspend, resume }) => onSuspend(io, suspend, resume),
  }
}

/**
 * By proc(5): the process group of this process and that of its terminal. True where there is no such file, and
 * where there is no terminal.
 */
function inForeground(): boolean {
  let text: string
  try {
    text = readFileSync('/proc/self/stat', 'latin1')
  } catch {
    return true
  }
  // Behind the name, which may hold anything: state, ppid, pgrp, session, tty_nr, tpgid.
  const [, , group, , , foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return foreground === undefined || foreground === '-1' || foreground === group
}

/** By stty(1) on the controlling terminal. Ctrl-C, Ctrl-Z and Ctrl-\\ keep their meaning. Returns an idempotent way back. */
function hideTyping(io: Io): () => void {
  if (stty('-echo') === undefined) return () => {}
  let restored = false
  const restore = (): void => {
    if (restored) return
    restored = true
    release()
    stty('echo')
  }
  const release = io.onExit(restore)
  return restore
}

function stty(...args: string[]): string | undefined {
  let terminal: number
  try {
    terminal = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  try {
    const { status, stdout } = spawnSync('stty', args, { stdio: [terminal, 'pipe', 'ignore'], encoding: 'utf8' })
    return status === 0 ? stdout.trim() : undefined
  } finally {
    closeSync(terminal)
  }
}

/** The signal's own action follows once the listener has made the terminal ready for the shell. */
function onSuspend(io: Io, suspend: () => void, resume: () => void): () => void {
  let deaf = (): void => {}
  const listen = (): void => {
    deaf()
    deaf = io.onSignal('SIGTSTP', () => {
      suspend()
      // Without a listener the signal stops the process, as the shell expects it to.
      deaf()
      process.kill(process.pid, 'SIGTSTP')
    })
  }
  listen()
  const release = io.onSignal('SIGCONT', () => {
    listen()
    resume()
  })
  return () => {
    deaf()
    release()
  }
}
