import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { CommandError } from '../../src/index.js'
import { openStage, type Stage } from '../lessons/stage.js'

let stage: Stage
beforeAll(async () => void (stage = await openStage()))
afterEach(() => stage.clear())
afterAll(() => stage.stop())

test('a directory that is missing is named in the error, and the command counts as not executed', async () => {
  const ssh = stage.on(stage.adapter())
  const ran = stage.fresh()
  const missing = `${stage.fresh()}/it's here`
  const seen: string[] = []
  const error: unknown = await ssh
    .with({ onStderr: (chunk) => void seen.push(String(chunk)) })
    .cd(missing)`touch ${ran}; echo ran`.catch((each: Error) => each)
  expect(error).toBeInstanceOf(CommandError)
  expect(error).toMatchObject({
    code: 'XEC_EXIT',
    outcome: 'failed',
    executed: 'no',
    phase: 'exec',
    safeToRetry: true,
    message: `web1: there is no directory ${JSON.stringify(missing)}, so the command did not run`,
    stdout: '',
  })
  // The shell's own words stay, and xec's line to itself is in no output.
  expect((error as CommandError).stderr).toContain(missing)
  for (const text of [(error as CommandError).stderr, seen.join('')]) expect(text).not.toContain('xec-cd-')
  expect(await ssh.nothrow()`ls ${ran}`).toMatchObject({ ok: false })
})

test('so is one behind a value with newlines, which travels in another way, and what is no directory', async () => {
  const ssh = stage.on(stage.adapter())
  const file = stage.fresh()
  writeFileSync(file, '')
  for (const directory of [`${file}\n`, file])
    expect(await ssh.cd(directory).nothrow()`echo ran`).toMatchObject({ executed: 'no', outcome: 'failed', stdout: '' })
})

test('a command that fails in its directory is executed, and its output is its own', async () => {
  const ssh = stage.on(stage.adapter())
  const directory = stage.fresh()
  mkdirSync(directory)
  expect(await ssh.cd(directory).nothrow()`pwd; printf ${'\u0001xec-cd-x 1'} >&2; exit 1`).toMatchObject({
    executed: 'yes',
    exitCode: 1,
    stdout: `${directory}\n`,
    stderr: '\u0001xec-cd-x 1',
  })
})
