/** Every code block of the document, executed and exercised; `npx vitest run test/seed` prints them one by one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { $ } from '../../src/index.js'
import { describeWorld } from '../rig/sshd.js'
import { readBlocks } from './blocks.js'
import { EXERCISES } from './exercises.js'
import { onFleet, onSshd, setStage, type Stage, type StartHosts } from './stage.js'

const blocks = readBlocks()

test('the document has 22 blocks, and each has its exercise', () => {
  expect(blocks).toHaveLength(22)
  expect(Object.keys(EXERCISES).map(Number)).toEqual(blocks.map(({ number }) => number))
})

function runAll(where: string, start: StartHosts): void {
  let stage: Stage
  const passed = new Set<number>()
  beforeAll(async () => {
    stage = await setStage(start)
  })
  afterAll(async () => {
    await stage.stop()
    const lines = blocks.map(
      ({ section, number, title }) => `${section} → ${number} ${title} → ${passed.has(number) ? 'pass' : 'NOT PASSED'}`,
    )
    console.log([...lines, `${passed.size} of ${blocks.length} on ${where}`].join('\n'))
  })
  for (const block of blocks) {
    test(`${block.section} → ${block.number} ${block.title}`, async () => {
      stage.calls()
      await EXERCISES[block.number]?.(stage, block)
      passed.add(block.number)
    })
  }
}

afterAll(() => $.adapter.dispose())

describeWorld('on OpenSSH', () => runAll('OpenSSH', onSshd))
describe('on the embedded fleet', () => runAll('the embedded fleet', onFleet))
