/** A real server, a directory on it that its account owns, and a place here. */
import { chownSync, mkdirSync, mkdtempSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { XecError } from '../../src/errors.js'
import type { PoolOptions } from '../../src/pool/options.js'
import type { PoolTarget } from '../../src/pool/types.js'
import { createXec, type Xec } from '../../src/xec.js'
import { makePlace, type Place } from '../rig/place.js'
import type { Sshd } from '../rig/sshd.js'
import { keyFile, makeTarget } from '../transport/fixture.js'

export interface World {
  readonly place: Place
  readonly xec: Xec
  readonly target: PoolTarget
  /** On the host; the account owns it. */
  readonly there: string
  /** Here. */
  readonly here: string
  end(): Promise<void>
}

export function makeWorld(sshd: Sshd, pool: Partial<PoolOptions> = {}): World {
  const place = makePlace()
  const there = mkdtempSync(join(sshd.dir, 'files-'))
  const { uid, gid } = statSync(sshd.home)
  chownSync(there, uid, gid)
  const here = place.path('work')
  mkdirSync(here)
  const xec = createXec({ pool: { maxReconnectAttempts: 0, ...pool } })
  return {
    place,
    xec,
    there,
    here,
    target: makeTarget(sshd, place.knownHosts, { credentials: { keys: [keyFile(sshd.privateKeyPath)] } }),
    async end() {
      await xec.close()
      place.remove()
    },
  }
}

/** The error of what must fail. */
export async function failed(work: Promise<unknown>): Promise<XecError> {
  return work.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: unknown) => error as XecError,
  )
}

/** Names of unfinished files. */
export function leftovers(directory: string): string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.includes('.xec-'))
}
