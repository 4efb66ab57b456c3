/** Where a TCP connection comes from and which family it uses: AddressFamily, BindAddress, BindInterface. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { messageOf } from '../errors.js'
import { ruleOf } from './algorithms.js'
import { dialError } from './dial-error.js'
import type { DialError, Target } from './transport.js'

/** For net.connect. Family 0: either. */
export interface Origin {
  readonly family: 0 | 4 | 6
  readonly localAddress?: string
}

const FAMILIES = { any: 0, inet: 4, inet6: 6 } as const

/**
 * Whether anything has to be looked up before connecting.
 * @returns null when nothing is said: the connection may begin at once
 */
export function originOf(target: Target): Promise<Origin> | Origin | null {
  const { addressFamily = 'any', bindAddress, bindInterface } = target.rules ?? {}
  const family = FAMILIES[addressFamily]
  if (bindAddress !== undefined) return addressOf(target, bindAddress, family)
  if (bindInterface !== undefined) return interfaceOf(target, bindInterface, family)
  return family === 0 ? null : { family }
}

/** An address, or a name of this machine. The family of the address is then the one of the connection. */
async function addressOf(target: Target, address: string, family: Origin['family']): Promise<Origin> {
  const given = isIP(address)
  if (given !== 0 && family !== 0 && given !== family)
    throw wrong(target, `${ruleOf(target, 'bindAddress')} is no address of ${ruleOf(target, 'addressFamily')}`)
  if (given !== 0) return { family: given as 4 | 6, localAddress: address }
  try {
    const found = await lookup(address, { family })
    return { family: found.family as 4 | 6, localAddress: found.address }
  } catch (error) {
    throw wrong(target, `${ruleOf(target, 'bindAddress')} has no address: ${messageOf(error)}`)
  }
}

/** The first address of the interface that is not for the link alone. */
function interfaceOf(target: Target, name: string, family: Origin['family']): Origin {
  const all = networkInterfaces()
  const wanted = (isIP(target.address) as 0 | 4 | 6) || family
  const found = (all[name] ?? []).find((each) => {
    const its = each.family === 'IPv4' ? 4 : 6
    return (wanted === 0 || its === wanted) && !each.address.toLowerCase().startsWith('fe80:')
  })
  if (!found) {
    const there = all[name]
      ? 'has no address of that family'
      : `is no interface of this machine; it has ${Object.keys(all).join(', ')}`
    throw wrong(target, `${ruleOf(target, 'bindInterface')} ${there}`)
  }
  return { family: found.family === 'IPv4' ? 4 : 6, localAddress: found.address }
}

/** A connection that could not be bound. Null for any other failure. */
export function bindFailure(target: Target, error: Error): DialError | null {
  const { rules } = target
  const option =
    rules?.bindAddress !== undefined ? 'bindAddress' : rules?.bindInterface !== undefined ? 'bindInterface' : null
  const { code } = error as NodeJS.ErrnoException
  if (option === null || (code !== 'EADDRNOTAVAIL' && code !== 'EINVAL')) return null
  return wrong(target, `${ruleOf(target, option)} is no address from which to connect there (${code})`)
}

function wrong(target: Target, text: string): DialError {
  return dialError(target, 'XEC_CONFIG', 'tcp', 'final', text)
}
