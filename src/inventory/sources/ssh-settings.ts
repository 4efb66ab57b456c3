/** What ssh's options say of a host, in the words of the inventory. Pure. */
import { LIFTING_KEYS, type HostSettings, type SecretSource } from '../inventory.js'
import type { SshHostOptions } from '../../openssh/host-options.js'

/** @param place where they are said, for messages about a program */
export function settingsOfOptions(options: SshHostOptions, place: string): HostSettings {
  const { identityFiles, proxyJump, proxyCommand, setEnv, userKnownHostsFiles } = options
  const [privateKey] = identityFiles ?? []
  const lifting = Object.fromEntries(LIFTING_KEYS.map((key) => [key, options[key]]))
  const settings: HostSettings = {
    ...lifting,
    host: options.hostName,
    port: options.port,
    username: options.user,
    privateKey: privateKey === undefined ? undefined : { kind: 'plain', value: privateKey },
    proxyJump: proxyJump === undefined ? undefined : hopsOf(proxyJump),
    proxyCommand: proxyCommand === undefined ? undefined : { command: proxyCommand, place },
    identityAgent: options.identityAgent,
    identitiesOnly: options.identitiesOnly,
    hostKeyAlias: options.hostKeyAlias,
    strictHostKeyChecking: options.strictHostKeyChecking,
    userKnownHostsFile: userKnownHostsFiles?.length === 0 ? ['none'] : userKnownHostsFiles,
    connectTimeout: options.connectTimeoutMs,
    serverAliveInterval: options.serverAliveIntervalMs,
    serverAliveCountMax: options.serverAliveCountMax,
    env: setEnv === undefined ? undefined : environmentOf(setEnv),
  }
  return defined(settings)
}

/** Without the keys that have no value. */
export function defined<T extends object>(settings: T): T {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T
}

function hopsOf(text: string): readonly string[] {
  return text.toLowerCase() === 'none' ? [] : text.split(',').map((hop) => hop.trim())
}

function environmentOf(assignments: readonly string[]): Record<string, SecretSource> {
  return Object.fromEntries(
    assignments.map((assignment) => {
      const at = assignment.indexOf('=')
      return [assignment.slice(0, at), { kind: 'plain', value: assignment.slice(at + 1) }]
    }),
  )
}
