/** A real ssh-agent with its own socket, ended by id. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

export interface AgentProcess {
  readonly socket: string
  stop(): Promise<void>
}

export async function startAgent(socket: string, keys: readonly string[]): Promise<AgentProcess> {
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' })
  while (!existsSync(socket) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
  if (keys.length > 0)
    execFileSync('ssh-add', ['-q', ...keys], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'pipe' })
  return {
    socket,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.kill()
      }),
  }
}
