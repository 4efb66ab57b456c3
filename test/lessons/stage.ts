/** Where the lessons take place: an embedded fleet, adapters that end with their lesson, and commands that wait for a word. */
import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFleet, type Fleet } from '../../src/demo/fleet.js'
import { $, SSHAdapter, type SSHAdapterOptions, type SshContext } from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'

export interface Gate {
  /** Writes `begun` on stdout, then runs until `open` is called, and ends with `through`. */
  readonly line: string
  /** Whether the host has begun with it. */
  readonly begun: boolean
  open(): void
}

export interface Stage {
  readonly fleet: Fleet
  readonly place: Place
  adapter(options?: SSHAdapterOptions): SSHAdapter
  /** @param port of a proxy in front of the host, in place of its own */
  on(adapter: SSHAdapter, host?: string, port?: number): SshContext
  gate(): Gate
  /** A path on the stage that does not exist yet. */
  fresh(): string
  /** Ends the adapters of a lesson. */
  clear(): Promise<void>
  stop(): Promise<void>
}

export const HOSTS = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'] as const

export async function openStage(): Promise<Stage> {
  const place = makePlace()
  const fleet = await startFleet(HOSTS)
  const adapters: SSHAdapter[] = []
  let count = 0
  const fresh = (): string => place.path(`thing-${count++}`)
  const clear = async (): Promise<void> =>
    void (await Promise.all(adapters.splice(0).map((adapter) => adapter.dispose())))
  return {
    fleet,
    place,
    fresh,
    clear,
    adapter(options) {
      const adapter = new SSHAdapter(options)
      adapters.push(adapter)
      return adapter
    },
    on(adapter, host = 'web1', port) {
      const target = fleet.target(host)
      return $.with({ adapter }).ssh({
        target: port === undefined ? target : Object.freeze({ ...target, port }),
        env: {},
      })
    },
    gate() {
      const [begun, go] = [fresh(), fresh()]
      return {
        line: `touch ${begun}; echo begun; until [ -e ${go} ]; do sleep 0.02; done; echo through`,
        get begun() {
          return existsSync(begun)
        },
        open: () => writeFileSync(go, ''),
      }
    },
    async stop() {
      await clear()
      await fleet.stop()
      place.remove()
    },
  }
}

/** Looks until it is so; the test's own time limit ends a wait for what never comes. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5)
}

/** What it is rejected with. @throws Error when it is not */
export function reasonOf(promise: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => {
      throw new Error('it succeeded')
    },
    (error: unknown) => error,
  )
}
