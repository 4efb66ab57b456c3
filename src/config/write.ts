/** An inventory as the YAML of a configuration, which reads back to the same hosts. Pure. */
import type { HostSettings, PlainValue, SecretSource } from '../inventory/inventory.js'
import type { Source } from '../inventory/sources/source.js'

/** Keys whose values are numbers of milliseconds, and refused without a unit. */
const DURATIONS = new Set<string>(['connectTimeout', 'serverAliveInterval'])

/**
 * The `hosts:` and `groups:` of a configuration. What no configuration can say (a host that is not dialled, a value that
 * could not be read) is a comment.
 */
export function writeSource({ hosts, groups }: Source): string {
  const lines = ['hosts:']
  for (const [name, settings] of hosts) lines.push(...hostLines(name, settings))
  if (hosts.size === 0) lines[0] = 'hosts: {}'
  const own = [...groups].filter(([name]) => name !== 'ungrouped')
  if (own.length > 0) lines.push('', 'groups:')
  for (const [name, group] of own) {
    const left = group.hosts.filter((host) => hosts.get(host)?.notDialled === undefined)
    const value: PlainValue =
      group.groups.length === 0 ? left : { ...(left.length > 0 ? { hosts: left } : {}), groups: group.groups }
    lines.push(`  ${scalar(name)}: ${flow(value)}`)
  }
  return `${lines.join('\n')}\n`
}

/** Whether a password stands in it. */
export function holdsPassword({ hosts }: Source): boolean {
  return [...hosts.values()].some(({ password, passphrase }) =>
    [password, passphrase].some((each) => each?.kind === 'plain'),
  )
}

function hostLines(name: string, settings: HostSettings): string[] {
  const { notDialled, faults, ...written } = settings
  if (notDialled !== undefined) return [`  # ${name} is not dialled: ${notDialled}`]
  const comments = Object.values(faults ?? {}).map((problem) => `  # ${name}: ${problem}`)
  const value = Object.fromEntries(
    Object.entries(written)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, plainSetting(key, each)]),
  )
  return [...comments, Object.keys(value).length === 0 ? `  ${scalar(name)}:` : `  ${scalar(name)}: ${flow(value)}`]
}

function plainSetting(key: string, value: unknown): PlainValue {
  if (key === 'env')
    return Object.fromEntries(
      Object.entries(value as NonNullable<HostSettings['env']>).map(([name, source]) => [name, secretOf(source)]),
    )
  if (['password', 'passphrase', 'privateKey'].includes(key)) return secretOf(value as SecretSource)
  if (key === 'proxyCommand') return (value as NonNullable<HostSettings['proxyCommand']>).command
  if (key === 'proxyJump') return (value as readonly string[]).length === 0 ? 'none' : (value as readonly string[])
  if (DURATIONS.has(key)) return `${value as number}ms`
  return value as PlainValue
}

function secretOf(source: SecretSource): PlainValue {
  if (source.kind === 'plain') return source.value
  return source.kind === 'env' ? { env: source.name } : { command: source.argv }
}

function flow(value: PlainValue): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, each]) => `${scalar(key)}: ${flow(each)}`)
    return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
  }
  return typeof value === 'string' ? scalar(value) : JSON.stringify(value)
}

/** Without quotes where no reader of YAML, old or new, takes it for something else than this text. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z_/][\w./@+-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
  return isPlain ? text : JSON.stringify(text)
}
