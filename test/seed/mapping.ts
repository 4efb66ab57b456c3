/**
 * Everything in which the blocks that are run differ from the document: the import specifier, host names, credentials,
 * waiting times, and places and programs on the host. Nothing else is changed, and every line here must apply.
 */
import { EventEmitter } from 'node:events'
import * as xec from '../../src/index.js'
import type { Block } from './blocks.js'

/** Import specifiers. Blocks after the first ones use `$` and `SSHAdapter` without importing them again. */
export const MODULES = { '@xec-sh/core': xec, events: { EventEmitter } }
export const IMPLIED = { $: xec.$, SSHAdapter: xec.SSHAdapter }

/** Host names, each an address and a port; and user names, each the one account there is. */
const HOST = /host: '([a-z.-]+)'/g
const USER = /username: '([a-z]+)'/g

/** `~` is a home of the test's own; `~/.ssh/id_rsa` is a key that the servers know. Blocks without a key find it as ssh does. */
export const PRIVATE_KEY = '.ssh/id_rsa'

/** Waiting times by block, in ms. */
const TIMES: Readonly<Record<number, readonly (readonly [string, string])[]>> = {
  7: [['keepAliveInterval: 30000', 'keepAliveInterval: 200']],
  8: [['}, 45000);', '}, 30);']],
  9: [['reconnectDelay: 2000', 'reconnectDelay: 5']],
  10: [
    ['reconnectDelay: 1000', 'reconnectDelay: 1'],
    ['Math.pow(2, attempt) * 1000', 'Math.pow(2, attempt) * 2'],
  ],
  14: [['}, 5000);', '}, 20);']],
  17: [['setTimeout(resolve, 1000)', 'setTimeout(resolve, 20)']],
  18: [
    ['}, 1000);', '}, 20);'],
    ['}, 30000);', '}, 1500);'],
  ],
}

/** Places on the host, by block: below a directory of the test's own. */
const PLACES: Readonly<Record<number, readonly string[]>> = {
  6: ['/tmp/deployment', '/var/www/'],
  7: ['./long-build-process.sh'],
}

/** The do's block declares `ssh` twice: its last line stands in braces. */
const BRACES: Readonly<Record<number, string>> = {
  19: 'const ssh = $.ssh(serverConfig).timeout(30000); // 30-second timeout',
}

/** Programs that the blocks call, as stubs first in the PATH of the host; each writes its words into a log. */
export const STUBS: Readonly<Record<string, string>> = {
  free: 'echo "Mem: 1Gi"',
  git: '',
  npm: '',
  pm2: '',
  nginx: '',
  systemctl: 'echo active',
  // An archive with one file in it, at the place that -O names.
  wget: 'd=$(mktemp -d); echo app > "$d/app"; tar -czf "$2" -C "$d" app; rm -r "$d"',
  'long-build-process.sh': 'sleep 0.7; echo built',
  'long-running-command': 'echo done',
  command1: '',
  command2: '',
  command3: '',
  'risky-command': 'echo $$; sleep 20',
}

export interface MappedHost {
  readonly host: string
  readonly port: number
}

export interface Mapping {
  /** Where a host name of the document is. */
  host(name: string): MappedHost
  readonly username: string
  /** A path of the document on the host. */
  place(path: string): string
}

/** @throws Error for a line of this file that no longer applies */
export function mapped(block: Block, mapping: Mapping): string {
  const swap = (text: string, from: string, to: string): string => {
    if (!text.includes(from)) throw new Error(`block ${block.number} has no ${from}; mapping.ts is out of date`)
    return text.replaceAll(from, to)
  }
  let { text } = block
  for (const [from, to] of TIMES[block.number] ?? []) text = swap(text, from, to)
  for (const path of PLACES[block.number] ?? []) text = swap(text, path, mapping.place(path))
  const last = BRACES[block.number]
  if (last) text = swap(text, last, `{ ${last}\n}`)
  return text
    .replace(HOST, (_, name: string) => {
      const { host, port } = mapping.host(name)
      return `host: '${host}', port: ${port}`
    })
    .replace(USER, `username: '${mapping.username}'`)
}
