/** Files, on a real server. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { download } from '../../src/files/download.js'
import { upload } from '../../src/files/upload.js'
import { createXec } from '../../src/xec.js'
import { startProxy } from '../rig/proxy.js'
import { startSshd } from '../rig/sshd.js'
import { targetOf } from './tunnels.js'
import { reasonOf, type Stage } from './stage.js'

export async function aTransferHoldsItsConnection(stage: Stage): Promise<void> {
  const sshd = await startSshd()
  const xec = createXec()
  const remote = `/tmp/xec-lesson-${process.pid}-held`
  try {
    const pooled = { ...targetOf(sshd, stage, 'web1'), pool: { idleTimeout: 50 } }
    const slow = Readable.from(
      (async function* () {
        yield Buffer.from('a beginning, ')
        await sleep(250)
        yield Buffer.from('and an end')
      })(),
    )
    await upload(xec.pool, pooled, slow, remote)
    expect(xec.snapshot()).toMatchObject({ connectionsCreated: 1, connectionsDestroyed: 0 })
    expect((await xec.execute(pooled, { line: `cat ${remote}; rm ${remote}` })).stdout.toString()).toBe(
      'a beginning, and an end',
    )
  } finally {
    await xec.close()
    await sshd.stop()
  }
}

export async function aTransferIsWholeOrAnError(stage: Stage): Promise<void> {
  const sshd = await startSshd()
  const xec = createXec()
  const remote = `/tmp/xec-lesson-${process.pid}-whole`
  try {
    const target = targetOf(sshd, stage, 'web1')
    const [from, to] = [stage.fresh(), stage.fresh()]
    for (const dir of [from, join(from, '.config')]) mkdirSync(dir)
    for (const name of ['.env', join('.config', '.rc'), 'plain']) writeFileSync(join(from, name), `this is ${name}`)
    await upload(xec.pool, target, from, remote)
    await download(xec.pool, target, remote, to)
    for (const name of ['.env', join('.config', '.rc'), 'plain'])
      expect(readFileSync(join(to, name), 'utf8')).toBe(`this is ${name}`)
    await xec.execute(target, { line: `rm -rf ${remote}/* ${remote}/.[a-z]*` })

    const proxy = await startProxy({ port: sshd.port, cutAt: { toServer: 200_000 } })
    try {
      expect(
        await reasonOf(
          upload(xec.pool, { ...target, port: proxy.port }, Buffer.alloc(1_000_000, 'x'), `${remote}/file`),
        ),
      ).toMatchObject({ code: 'XEC_CONNECTION_LOST' })
      expect(existsSync(join(remote, 'file'))).toBe(false)
    } finally {
      await proxy.stop()
      await xec.execute(target, { line: `rm -rf ${remote}` })
    }
  } finally {
    await xec.close()
    await sshd.stop()
  }
}
