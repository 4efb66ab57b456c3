/** Where the examples of the pages take place: their hosts, their files, and the programs that they call. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BIN } from '../cli/binary.js'
import { makePlace } from '../rig/place.js'
import { startSshd } from '../rig/sshd.js'

export interface DocsWorld {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** Programs that the examples run on hosts, and that should do nothing there. */
const REMOTE = [
  'systemctl',
  'nginx',
  'apt-get',
  'apt',
  'top',
  'vim',
  'journalctl',
  'reboot',
  'git',
  'npm',
  'pm2',
  'psql',
  'pg_dump',
  '-odd-command',
  'yum',
  'dnf',
  'docker',
  'tail',
]

const LOCAL = { editor: 'true' }

export async function makeDocsWorld(): Promise<DocsWorld> {
  const place = makePlace()
  const stubs = place.path('remote-bin')
  mkdirSync(stubs)
  for (const name of REMOTE) writeFileSync(join(stubs, name), `#!/bin/sh\necho "${name} $*"\n`, { mode: 0o755 })
  chmodSync(place.home, 0o711)
  const sshd = await startSshd({ config: [`SetEnv PATH=${stubs}:/usr/local/bin:/usr/bin:/bin`] })

  const cwd = place.path('project')
  mkdirSync(cwd)
  const at = (address: string): string => `{ host: ${address} }`
  writeFileSync(
    join(cwd, 'xec.config.yaml'),
    `
defaults: { username: ${sshd.user}, privateKey: ${sshd.privateKeyPath}, port: ${sshd.port} }
hosts:
  'web[01-20]': ${at('127.0.1.1')}
  'web[1-9]': ${at('127.0.1.2')}
  'db[1-3]': ${at('127.0.1.3')}
  bastion: ${at('127.0.1.4')}
  cache1: ${at('127.0.1.5')}
groups:
  web: ['web[01-20]', 'web[1-9]']
  db: ['db[1-3]']
  prod: { groups: [web, db] }
  staging: [cache1]
`,
  )
  mkdirSync(join(cwd, 'inventory'))
  writeFileSync(join(cwd, 'inventory', 'hosts'), '[web]\nweb[01:03]\n')
  writeFileSync(join(cwd, 'deploy.sh'), '#!/bin/sh\necho "deploying $1"\n')
  writeFileSync(join(cwd, 'check.sh'), '#!/bin/sh\necho "checking"\n')
  writeFileSync(join(cwd, 'notes.txt'), 'some notes\n')
  const bin = place.path('bin')
  mkdirSync(bin)
  symlinkSync(BIN, join(bin, 'xec'))
  return {
    cwd,
    // A terminal would be asked things, and there is none.
    env: { ...place.env, PATH: `${bin}:${place.env['PATH'] ?? ''}`, EDITOR: LOCAL.editor, XEC_LOGIN: '' },
    async stop() {
      await sshd.stop()
      place.remove()
    },
  }
}
