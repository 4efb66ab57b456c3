import { describe, expect, test } from 'vitest'
import { nextRung } from '../../src/adapter/kill.js'
import { nextStep, type Progress, type Step } from '../../src/adapter/settle.js'

const running: Progress = {
  sentAt: 0,
  timeoutMs: undefined,
  exitAt: null,
  outputOver: false,
  delivering: false,
  lastOutputAt: 0,
  stoppedAt: null,
  rungs: 0,
  closedAt: null,
}

const rows: [string, Partial<Progress>, number, Step][] = [
  ['running: nothing to do', {}, 1_000, { do: 'wait', until: Infinity }],
  ['exit and output are here', { exitAt: 10, outputOver: true }, 10, { do: 'settle' }],
  ['the output is over, the exit is not here', { outputOver: true }, 10, { do: 'wait', until: Infinity }],
  [
    'the last output is still being delivered',
    { exitAt: 10, delivering: true },
    60_000,
    { do: 'wait', until: Infinity },
  ],
  ['a timeout is ahead', { timeoutMs: 500 }, 499, { do: 'wait', until: 500 }],
  ['a timeout strikes', { timeoutMs: 500 }, 500, { do: 'timeout' }],
  ['stopped: TERM at once', { stoppedAt: 500 }, 500, { do: 'climb' }],
  ['TERM is sent, KILL is ahead', { stoppedAt: 500, rungs: 1 }, 501, { do: 'wait', until: 5_500 }],
  ['KILL after 5 s', { stoppedAt: 500, rungs: 1 }, 5_500, { do: 'climb' }],
  ['close 2 s after KILL', { stoppedAt: 500, rungs: 2 }, 7_499, { do: 'wait', until: 7_500 }],
  ['close is due', { stoppedAt: 500, rungs: 2 }, 7_500, { do: 'climb' }],
  [
    'closed: the server has a second to confirm',
    { stoppedAt: 500, rungs: 3, closedAt: 7_500 },
    7_500,
    { do: 'wait', until: 8_500 },
  ],
  [
    'closed and unconfirmed: no longer waited for',
    { stoppedAt: 500, rungs: 3, closedAt: 7_500 },
    8_500,
    { do: 'settle' },
  ],
  [
    'a stop after the exit sends no signal',
    { exitAt: 400, stoppedAt: 500, rungs: 0 },
    500,
    { do: 'wait', until: 2_500 },
  ],
  [
    'output held open after the exit: wait for quiet',
    { exitAt: 100, lastOutputAt: 50 },
    200,
    { do: 'wait', until: 2_100 },
  ],
  ['output still comes after the exit', { exitAt: 100, lastOutputAt: 1_900 }, 2_100, { do: 'wait', until: 3_900 }],
  ['quiet for 2 s after the exit', { exitAt: 100, lastOutputAt: 1_900 }, 3_900, { do: 'close' }],
  [
    'output that never ends is cut by the timeout',
    { exitAt: 100, lastOutputAt: 9_990, timeoutMs: 10_000 },
    10_000,
    { do: 'close' },
  ],
  [
    'an exit before the timeout is no timeout',
    { exitAt: 499, timeoutMs: 500, lastOutputAt: 499 },
    500,
    { do: 'wait', until: 2_499 },
  ],
  [
    'closed for lingering output: what comes restarts the second',
    { exitAt: 0, closedAt: 2_000, lastOutputAt: 2_500 },
    3_000,
    { do: 'wait', until: 3_500 },
  ],
  [
    'closed, but a slow sink is not cut short',
    { exitAt: 0, closedAt: 2_000, delivering: true },
    60_000,
    { do: 'wait', until: Infinity },
  ],
  [
    'closed after a stop: a sink that hangs is not waited for',
    { exitAt: 600, stoppedAt: 500, closedAt: 2_600, delivering: true },
    3_600,
    { do: 'settle' },
  ],
]

describe('what to do next with a command that was sent', () => {
  test.each(rows)('%s', (_, facts, now, step) => {
    expect(nextStep({ ...running, ...facts }, now)).toEqual(step)
  })

  test('the ladder is TERM, KILL, close', () => {
    expect([0, 1, 2, 3].map((climbed) => nextRung(climbed)?.do ?? null)).toEqual(['TERM', 'KILL', 'close', null])
  })
})
