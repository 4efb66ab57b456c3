/** Ansible inventories at random, as files: what two readers of them must agree on. */
import type { Random } from '../../../src/runtime/random.js'

export type Files = Readonly<Record<string, string>>

export interface Generated {
  /** What is given to both: a file or a directory. */
  readonly source: string
  readonly files: Files
}

const KEYS = [
  'ansible_host',
  'ansible_port',
  'ansible_user',
  'ansible_password',
  'ansible_ssh_private_key_file',
  'ansible_ssh_common_args',
  'role',
  'weight',
]

export function generateInventory(random: Random): Generated {
  const below = (n: number): number => Math.floor(random.next() * n)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T
  const some = <T>(items: readonly T[], chance: number): T[] => items.filter(() => random.next() < chance)
  const groups = Array.from({ length: 2 + below(5) }, (_, i) => `${pick(['web', 'db', 'z', 'App', 'g_'])}${i}`)
  const patterns = [
    'one',
    'h[1:3]',
    'p[08:11]',
    'q[1:7:3].example.com',
    'x-[a:c]',
    'y[A:B][1:2]',
    'two.example.com:2222',
    '192.0.2.7',
    'w[01:03]:2200',
  ]
  const VALUES: Readonly<Record<string, () => string>> = {
    ansible_host: () => pick(['10.0.0.1', 'real.example.com', '2001:db8::1']),
    ansible_port: () => String(pick([22, 2200, 2222, 65_535])),
    ansible_user: () => pick(['deploy', 'root', 'a-b', 'u1']),
    ansible_password: () => pick(['pw', 'p#w', 'p w', '12ab']),
    ansible_ssh_private_key_file: () => pick(['~/.ssh/k', '/keys/a b']),
    ansible_ssh_common_args: () => pick(['-o ProxyJump=gw', '-J gw,gw2', `-o "ProxyCommand=ssh -W %h:%p gw"`]),
    role: () => pick(['www', '[1, 2]', "{'a': 1}", 'True', '007', '1.5', "'q q'", '0x1f', 'None', 'a=b', '1_0']),
    weight: () => String(below(9)),
  }
  const value = (key: string): string => VALUES[key]?.() ?? ''
  const vars = (chance: number): [string, string][] => some(KEYS, chance).map((key) => [key, value(key)])
  /** Children come later in the list, so that there is no circle. */
  const childrenOf = (i: number): string[] => some(groups.slice(i + 1), 0.3)
  const hostsOf = new Map(groups.map((group) => [group, some(patterns, 0.25)]))
  const groupVars = (): [string, string][] => [
    ...vars(0.25),
    ...(random.next() < 0.3 ? [['ansible_group_priority', String(below(12))] as [string, string]] : []),
  ]

  const ini = (): string => {
    const quoted = (text: string): string => (/[\s'"#]/.test(text) ? `"${text.replaceAll('"', '\\"')}"` : text)
    const host = (pattern: string): string =>
      [pattern, ...vars(0.2).map(([key, text]) => `${key}=${quoted(text)}`)].join(' ')
    const sections = groups.flatMap((group, i) => [
      [`[${group}]`, ...(hostsOf.get(group) ?? []).map(host)],
      [`[${group}:children]  # below`, ...childrenOf(i)],
      [`[${group}:vars]`, ...groupVars().map(([key, text]) => `${key}=${text}`)],
    ])
    const all = ['[all:vars]', ...vars(0.2).map(([key, text]) => `${key} = ${text}`)]
    return [['; a comment', host('alone')], all, ...sections].map((lines) => lines.join('\n')).join('\n\n') + '\n'
  }

  const yaml = (): string => {
    const map = (entries: readonly [string, string][]): string =>
      `{ ${entries.map(([key, text]) => `${key}: ${/^\d+$/.test(text) ? text : JSON.stringify(text)}`).join(', ')} }`
    const lines = ['all:', '  hosts:', '    alone:', `  vars: ${map(vars(0.2))}`, '  children:']
    for (const [i, group] of groups.entries()) {
      lines.push(`    ${group}:`, '      hosts:')
      for (const pattern of hostsOf.get(group) ?? []) lines.push(`        "${pattern}": ${map(vars(0.2))}`)
      lines.push(`      vars: ${map(groupVars())}`, '      children:')
      for (const child of childrenOf(i)) lines.push(`        ${child}:`)
    }
    return lines.join('\n') + '\n'
  }

  const variableFile = (): string =>
    vars(0.4)
      .map(([key, text]) => `${key}: ${/^\d+$/.test(text) ? text : JSON.stringify(text)}\n`)
      .join('') || '---\n'
  const files: Record<string, string> = {}
  const isDirectory = random.next() < 0.3
  const base = isDirectory ? 'inventory/' : ''
  if (isDirectory) {
    files['inventory/10-hosts'] = ini()
    files['inventory/20-more.yml'] = yaml()
    files['inventory/README.md'] = 'no inventory'
  } else if (random.next() < 0.5) files['hosts.yml'] = yaml()
  else files['hosts'] = ini()
  for (const group of ['all', ...some(groups, 0.5)]) {
    if (random.next() < 0.3) {
      files[`${base}group_vars/${group}/b.yml`] = variableFile()
      files[`${base}group_vars/${group}/a`] = variableFile()
    } else files[`${base}group_vars/${group}${pick(['', '.yml', '.yaml'])}`] = variableFile()
  }
  for (const host of some(['alone', 'h2', 'p09', '192.0.2.7'], 0.5))
    files[`${base}host_vars/${host}.yml`] = variableFile()
  return { source: isDirectory ? 'inventory' : (Object.keys(files)[0] ?? ''), files }
}
