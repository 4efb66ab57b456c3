/** Whether OpenSSH's programs are here; tests that use them as an oracle are left out loudly when they are not. */
import { spawnSync } from 'node:child_process'

export function isInstalled(program: 'ssh' | 'ssh-keygen' | 'openssl'): boolean {
  const found = spawnSync(program, ['-?'], { stdio: 'ignore' }).error === undefined
  if (!found)
    process.stderr.write(
      `SKIPPED: ${program} is not installed, so what OpenSSH itself says is not compared (apt-get install openssh-client)\n`,
    )
  return found
}
