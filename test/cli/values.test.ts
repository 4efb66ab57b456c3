import { describe, expect, test } from 'vitest'
import { wantsColor, wantsLive } from '../../src/cli/color.js'
import { readValue, type Kind, type ValueRules } from '../../src/cli/values.js'

describe('a value of an option', () => {
  test.each<[Kind, string, ValueRules, unknown]>([
    ['duration', '500ms', {}, 500],
    ['duration', '1.5h', {}, 5_400_000],
    ['count', '0', {}, 0],
    ['count', '64', { min: 1 }, 64],
    ['port', '65535', {}, 65_535],
    ['switch', 'No', {}, false],
    ['list', 'a', {}, ['a']],
    ['choice', 'json', { choices: ['text', 'json'] }, 'json'],
  ])('%s %s', (kind, text, rules, value) => expect(readValue(kind, '--x', text, rules)).toEqual(value))

  test.each<[Kind, string, ValueRules, string]>([
    ['duration', '30', {}, '--x 30: say 30s or 30ms'],
    ['duration', '0.5', {}, '--x 0.5: say 0.5s or 0.5ms'],
    ['duration', 'soon', {}, '--x soon: a duration has a number and a unit, such as 500ms, 30s, 5m or 1h'],
    ['duration', '-5s', {}, '--x -5s: a duration has a number and a unit, such as 500ms, 30s, 5m or 1h'],
    ['duration', '0s', { min: 1 }, '--x 0s: at least 1ms'],
    ['duration', '60d', {}, '--x 60d: at most 24d'],
    ['count', 'abc', {}, '--x abc: a whole number is needed, at least 0'],
    ['count', '1.5', {}, '--x 1.5: a whole number is needed, at least 0'],
    ['count', '-1', {}, '--x -1: a whole number is needed, at least 0'],
    ['count', '', {}, "--x '': a whole number is needed, at least 0"],
    ['count', '1e3', {}, '--x 1e3: a whole number is needed, at least 0'],
    ['count', '0', { min: 1 }, '--x 0: at least 1'],
    ['count', '99999999999', {}, '--x 99999999999: at most 999999999'],
    ['port', '0', {}, '--x 0: a port is a number from 1 to 65535'],
    ['port', '65536', {}, '--x 65536: a port is a number from 1 to 65535'],
    ['port', 'ssh', {}, '--x ssh: a port is a number from 1 to 65535'],
    ['text', '', {}, '--x needs a value, not an empty one'],
    ['text', 'a\0b', {}, '--x contains a NUL character'],
    ['switch', 'maybe', {}, '--x maybe: say true or false'],
    ['choice', 'xml', { choices: ['text', 'json'] }, '--x xml: choose text, json'],
  ])('%s %j is refused', (kind, text, rules, message) => {
    expect(() => readValue(kind, '--x', text, rules)).toThrowError(
      expect.objectContaining({ code: 'XEC_CONFIG', message }),
    )
  })
})

describe('colour', () => {
  const tty = { isTTY: true }
  const pipe = {}
  test.each<[string | undefined, Record<string, string>, { isTTY?: boolean }, boolean]>([
    [undefined, {}, tty, true],
    [undefined, {}, pipe, false],
    ['always', { NO_COLOR: '1', TERM: 'dumb' }, pipe, true],
    ['never', { FORCE_COLOR: '1' }, tty, false],
    ['auto', { NO_COLOR: '1', FORCE_COLOR: '1' }, tty, false],
    ['auto', { NO_COLOR: '' }, tty, true],
    ['auto', { FORCE_COLOR: '1' }, pipe, true],
    ['auto', { FORCE_COLOR: '0' }, tty, false],
    ['auto', { CLICOLOR_FORCE: '1' }, pipe, true],
    ['auto', { CLICOLOR: '0' }, tty, false],
    ['auto', { TERM: 'dumb' }, tty, false],
  ])('--color %s %j %j is %s', (flag, env, stream, wanted) => expect(wantsColor(flag, env, stream)).toBe(wanted))
})

test.each<[Record<string, string>, { isTTY?: boolean }, boolean]>([
  [{}, { isTTY: true }, true],
  [{}, {}, false],
  [{ CI: 'true' }, { isTTY: true }, false],
  [{ CI: 'false' }, { isTTY: true }, true],
  [{ TERM: 'dumb' }, { isTTY: true }, false],
])('the live view with %j on %j: %s', (env, stream, wanted) => expect(wantsLive(env, stream)).toBe(wanted))
