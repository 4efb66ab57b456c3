import { describe, expect, test } from 'vitest'
import { chooseOutput } from '../../../src/cli/output/choice.js'

describe('which format the options come to', () => {
  test.each([
    [{}, true, 'grouped'],
    [{}, false, 'lines'],
    [{ output: 'text' }, false, 'lines'],
    [{ output: 'grouped' }, false, 'grouped'],
    [{ stream: true }, true, 'lines'],
    [{ stream: true, output: 'ndjson' }, true, 'ndjson'],
    [{ diff: true }, false, 'grouped'],
    [{ foldSimilar: true }, false, 'grouped'],
    [{ json: true, onlyFailures: true }, false, 'json'],
  ] as const)('%j, live %s: %s', (options, live, name) => {
    expect(chooseOutput(options, live).name).toBe(name)
  })

  test('a format that passes output on keeps it when only failures are shown', () => {
    expect(chooseOutput({ output: 'lines' }, false).captures).toBe(false)
    expect(chooseOutput({ output: 'lines', onlyFailures: true }, false).captures).toBe(true)
  })

  test.each([
    [{ diff: true, output: 'json' }, '--diff needs --output grouped, not json'],
    [{ diff: true, json: true }, '--diff needs --output grouped, not json'],
    [{ foldSimilar: true, output: 'lines' }, '--fold-similar needs --output grouped, not lines'],
    [
      { diff: true, stream: true },
      '--diff and --stream contradict each other: equal outputs are known at the end only',
    ],
    [{ stream: true, output: 'csv' }, '--stream needs --output lines or ndjson: csv is written at the end'],
  ] as const)('%j is refused: %s', (options, message) => {
    expect(() => chooseOutput(options, true)).toThrow(message)
  })
})
