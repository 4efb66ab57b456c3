import type { EndpointView, PoolOptions } from './view.js'

/**
 * Session channels that one connection may carry.
 * @param maxChannels what is configured, or the strictest of several
 * @param endpoint null: nothing is known of it
 */
export function capacityOf(
  maxChannels: number,
  endpoint: Pick<EndpointView, 'learned'> | null,
  { enabled }: PoolOptions,
  now: number,
): number {
  return enabled ? Math.min(maxChannels, endpoint?.learned(now) ?? Infinity) : 1
}
