/**
 * How a host is reached: directly, through jump hosts, or by a program. The first that says anything counts: -J, -o, the
 * nearest layer of the inventory, then ssh_config, where the first of ProxyJump and ProxyCommand shuts out the other.
 * Pure.
 */
import type { SshHostOptions } from '../openssh/ssh-config.js'
import type { HostSettings } from './inventory.js'

export type Way =
  | { readonly kind: 'jump'; /** In order of travel; empty: directly. */ readonly hops: readonly string[] }
  | {
      readonly kind: 'proxy'
      /** As written, with its tokens. */
      readonly command: string
      /** Where it is said. */
      readonly from: string
      /** The inventory, whose file must be trusted for it; anything else was said by the user or in ssh's own files. */
      readonly by: 'inventory' | 'flag' | 'ssh_config'
    }

export interface Sayings {
  /** What -J, or its variable, says. */
  readonly jumpFlag: string | undefined
  /** The host's own, its groups' nearest first, the defaults. */
  readonly layers: readonly HostSettings[]
  /** The answer of ssh_config, -o included. */
  readonly ssh: SshHostOptions
  /** Where each of its options is said; `-o` for that. */
  readonly places: { readonly [K in keyof SshHostOptions]?: string }
}

const DIRECTLY: Way = { kind: 'jump', hops: [] }

export function wayOf({ jumpFlag, layers, ssh, places }: Sayings): Way {
  if (jumpFlag !== undefined) return jumpBy(jumpFlag)
  const byOption = (option: 'proxyJump' | 'proxyCommand'): boolean => places[option] === '-o'
  if (byOption('proxyCommand')) return bySsh(ssh, places, 'flag')
  const jumpsOff = byOption('proxyJump') && isNone(ssh.proxyJump)
  if (byOption('proxyJump') && !jumpsOff) return jumpBy(ssh.proxyJump ?? 'none')
  const layer = layers.find(({ proxyJump, proxyCommand }) => (proxyJump ?? proxyCommand) !== undefined)
  if (layer?.proxyCommand) {
    const { command, place } = layer.proxyCommand
    return isNone(command) ? DIRECTLY : { kind: 'proxy', command, from: place, by: 'inventory' }
  }
  // As in ssh: ProxyJump=none takes away jump hosts, and leaves a ProxyCommand where it is.
  if (layer?.proxyJump && !jumpsOff) return { kind: 'jump', hops: layer.proxyJump }
  return bySsh(ssh, places, 'ssh_config')
}

function bySsh(ssh: SshHostOptions, places: Sayings['places'], by: 'flag' | 'ssh_config'): Way {
  const { proxyCommand, proxyJump } = ssh
  if (proxyCommand === undefined) return jumpBy(proxyJump ?? 'none')
  if (isNone(proxyCommand)) return DIRECTLY
  return { kind: 'proxy', command: proxyCommand, from: places.proxyCommand ?? 'ssh_config', by }
}

function jumpBy(text: string): Way {
  return isNone(text) ? DIRECTLY : { kind: 'jump', hops: text.split(',').map((hop) => hop.trim()) }
}

function isNone(text: string | undefined): boolean {
  return text?.toLowerCase() === 'none'
}
