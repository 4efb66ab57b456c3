/**
 * The keys of a host, once: how each is read. The same table serves hosts, groups and defaults, and the type
 * `HostSettings` makes a forgotten key a compile error.
 */
import { isIP } from 'node:net'
import { messageOf } from '../errors.js'
import { LIFTING_KEYS, type HostSettings, type SecretSource, type WrittenSettings } from '../inventory/inventory.js'
import { addressFault, parseMention } from '../inventory/outside.js'
import { HOST_KEY_CHECKING, NO_MEANS_ACCEPT_NEW } from '../openssh/host-options.js'
import { keywordOf, readOption } from '../openssh/keywords.js'
import {
  checkPoolOption,
  POOL_OPTIONS,
  POOL_OPTION_NAMES,
  type HostPoolOptions,
  type PoolOptionName,
  type PoolOptions,
} from '../pool/options.js'
import type { HostKeyPolicy } from '../transport/transport.js'
import type { Reader } from './document.js'

const READERS: { readonly [K in keyof Required<WrittenSettings>]: (value: Reader) => HostSettings[K] } = {
  host: (v) => {
    const address = v.string('a host name or an address')
    if (address === '' || /[\s\0]/.test(address) || address.startsWith('-'))
      v.fail(`must be a host name or an address, not ${v.shown}`)
    const [placeholder] = /\{(?!name\})[^}]*\}?|\}/.exec(address.replaceAll('{name}', '')) ?? []
    if (placeholder !== undefined) v.fail(`has ${placeholder}, where only {name} stands for something: the host's name`)
    const fault = addressFault(address.replaceAll('{name}', 'name'))
    if (fault !== undefined) v.fail(fault)
    const said = isIP(address) ? undefined : parseMention(address)
    if (
      said?.username !== undefined ||
      said?.port !== undefined ||
      address.startsWith('ssh://') ||
      address.startsWith('[')
    ) {
      const parts = [
        `host: ${said?.base ?? '…'}`,
        ...(said?.port === undefined ? [] : [`port: ${said.port}`]),
        ...(said?.username === undefined ? [] : [`username: ${said.username}`]),
      ]
      v.fail(`must be an address alone, not ${v.shown}; say { ${parts.join(', ')} }`)
    }
    return address
  },
  port: (v) => v.integer(1, 65_535),
  username: (v) => nonEmpty(v, 'a user name'),
  privateKey: readSecret,
  passphrase: readSecret,
  password: readSecret,
  proxyJump: (v) => {
    const hops = v.isList
      ? v.items().map((item) => nonEmpty(item, 'a host'))
      : nonEmpty(v, 'a host, or none')
          .split(',')
          .map((hop) => hop.trim())
    return hops.length === 1 && hops[0] === 'none'
      ? []
      : hops.map((hop) => hop || v.fail('an empty hop; hops are divided by commas'))
  },
  proxyCommand: (v) => {
    const command = nonEmpty(v, 'a command line, or none').trim()
    if (/[\n\0]/.test(command)) v.fail('must be one line')
    if (command === '-') v.fail('- is the standard input of xec itself, which is no connection; name a program')
    return { command: command.toLowerCase() === 'none' ? 'none' : command, place: v.place }
  },
  identityAgent: (v) => nonEmpty(v, "an agent's socket, SSH_AUTH_SOCK or none"),
  identitiesOnly: (v) => v.boolean(),
  hostKeyAlias: (v) => nonEmpty(v, 'a name'),
  strictHostKeyChecking: readChecking,
  userKnownHostsFile: (v) =>
    v.isList ? v.items().map((item) => nonEmpty(item, 'a path')) : [nonEmpty(v, 'a path or a list of paths')],
  connectTimeout: (v) => {
    const ms = v.duration('refused')
    return ms > 0 ? ms : v.fail('must be more than 0')
  },
  serverAliveInterval: (v) => v.duration('refused'),
  serverAliveCountMax: (v) => v.integer(0),
  env: (v) =>
    Object.freeze(
      Object.fromEntries(
        v.entries().map((entry) => {
          const { key, value } = entry
          if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
            entry.fail(
              `${JSON.stringify(key)} is not a name for an environment variable (letters, digits and _, not starting with a digit)`,
            )
          return [key, readSecret(value)]
        }),
      ),
    ),
  pool: (v) => readPool(v, true),
  vars: (v) => Object.freeze(Object.fromEntries(v.entries().map(({ key, value }) => [key, value.plain()]))),
  ...liftingReaders(),
}

/** Keys with ssh_config's names take ssh_config's words; a switch may be true or false, a list a YAML list. */
function liftingReaders(): { readonly [K in (typeof LIFTING_KEYS)[number]]: (value: Reader) => HostSettings[K] } {
  const reader =
    (option: (typeof LIFTING_KEYS)[number]) =>
    (v: Reader): unknown => {
      const words = (v.isList ? v.items() : [v]).map((item) => wordOf(item, keywordOf(option)))
      try {
        return readOption(option, words)
      } catch (error) {
        return v.fail(messageOf(error))
      }
    }
  return Object.fromEntries(LIFTING_KEYS.map((option) => [option, reader(option)])) as never
}

/** Numbers and switches as the words that ssh_config has for them. */
function wordOf(v: Reader, keyword: string): string {
  return /^(true|false|\d+)$/.test(v.shown) ? v.shown : nonEmpty(v, `a value of ${keyword}`)
}

/** `user` is accepted for `username`, as many write it. */
export const HOST_KEYS = [...(Object.keys(READERS) as (keyof WrittenSettings)[]), 'user'] as const

/** Reads the settings among `values`, leaving out keys that have no value. */
export function readSettings(values: ReadonlyMap<string, Reader>): HostSettings {
  const settings: Record<string, unknown> = {}
  for (const [key, value] of values) {
    if (value.isNull) continue
    const name = key === 'user' ? 'username' : key
    if (name in settings) value.fail('user and username are the same; keep one')
    if (!Object.hasOwn(READERS, name)) continue
    const read: (value: Reader) => unknown = READERS[name as keyof WrittenSettings]
    settings[name] = read(value)
  }
  const { proxyJump, proxyCommand } = settings
  if (proxyJump !== undefined && proxyCommand !== undefined)
    values.get('proxyCommand')?.fail('stands beside proxyJump, and a host is reached one way; keep one of them')
  return Object.freeze(settings)
}

/** @param perHost only what a host may have of its own */
export function readPool<H extends boolean>(
  value: Reader,
  perHost: H,
): H extends true ? HostPoolOptions : Partial<PoolOptions>
export function readPool(value: Reader, perHost: boolean): Partial<PoolOptions> {
  const allowed = POOL_OPTION_NAMES.filter((name) => !perHost || POOL_OPTIONS[name].perHost)
  for (const entry of value.entries()) {
    if (perHost && Object.hasOwn(POOL_OPTIONS, entry.key) && !POOL_OPTIONS[entry.key as PoolOptionName].perHost)
      entry.fail(`${entry.key} belongs to the whole pool; a host may set ${allowed.join(', ')}`)
  }
  const options: Record<string, unknown> = {}
  for (const [name, each] of value.known(allowed)) {
    if (each.isNull) continue
    const { kind, min = 0 } = POOL_OPTIONS[name]
    const read =
      kind === 'boolean' ? each.boolean() : kind === 'count' ? each.integer(min) : each.duration('milliseconds')
    const problem = checkPoolOption(name, read)
    if (problem) each.fail(problem.replace(`${name} `, ''))
    options[name] = read
  }
  return Object.freeze(options)
}

/** A text, or `{ env: NAME }`, or `{ command: [argv] }`. */
function readSecret(value: Reader): SecretSource {
  if (!value.isMap)
    return { kind: 'plain', value: value.string('a text, { env: NAME } or { command: [program, argument] }') }
  const keys = value.known(['env', 'command'])
  const env = keys.get('env')
  const command = keys.get('command')
  if (env && !command)
    return { kind: 'env', name: nonEmpty(env, 'the name of an environment variable'), place: env.place }
  if (command && !env) {
    const argv = command.items().map((item) => item.string())
    if (!argv[0]) command.fail('must name a program')
    return { kind: 'command', argv, place: command.place }
  }
  return value.fail('must have either env or command')
}

function readChecking(value: Reader): HostKeyPolicy['mode'] {
  const text = /^(true|false)$/.test(value.shown) ? value.shown : value.string('yes, accept-new, ask or no')
  if (text === 'strict') return text
  if (['no', 'off', 'false'].includes(text)) value.warn(`strictHostKeyChecking no ${NO_MEANS_ACCEPT_NEW}`)
  return Object.hasOwn(HOST_KEY_CHECKING, text)
    ? HOST_KEY_CHECKING[text as keyof typeof HOST_KEY_CHECKING]
    : value.fail(`must be yes, accept-new, ask or no, not ${value.shown}`)
}

function nonEmpty(value: Reader, what: string): string {
  const text = value.string(what)
  return text.trim() === '' ? value.fail(`must be ${what}, not empty`) : text
}
