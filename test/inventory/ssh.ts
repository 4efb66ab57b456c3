/** An ssh_config from a text, for a user with the home /home/me. */
import { parseSshConfig as parseBlocks } from '../../src/openssh/config-blocks.js'
import { sshConfig, type SshConfig } from '../../src/openssh/ssh-config.js'

export function parseSshConfig(text: string): SshConfig {
  return sshConfig([parseBlocks(text, 'config')], {
    home: '/home/me',
    env: {},
    localUser: 'me',
    localHost: 'laptop.example.com',
    uid: 1000,
  })
}
