/**
 * What a library of this kind gets wrong in its first year, forty-nine times, each as something that holds here.
 * Shown here (`by`), by tests elsewhere that are named (`at`), or not applicable (`not`, with the reason).
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '../docs/pages.js'
import { requireSshd } from '../rig/sshd.js'
import * as endings from './endings.js'
import * as inputs from './inputs.js'
import * as pooled from './pooled.js'
import { openStage, type Stage } from './stage.js'
import * as transfers from './transfers.js'
import * as tunnels from './tunnels.js'

interface Lesson {
  readonly lesson: number
  /** In one sentence, what holds. */
  readonly says: string
  readonly by?: (stage: Stage) => void | Promise<void>
  /** It needs a real server. */
  readonly real?: true
  /** Title by file below test/: what shows it, or the rest of it. */
  readonly at?: Readonly<Record<string, string | readonly string[]>>
  readonly not?: string
}

const lessons: readonly Lesson[] = [
  {
    lesson: 1,
    says: 'only idle connections make room for others, however long a command has been running',
    by: pooled.onlyIdleConnectionsMakeRoom,
  },
  {
    lesson: 2,
    says: 'a connection that dies under a command is never a success, nor the end of what another one reads',
    by: endings.aLossIsNoEndOfInput,
    at: {
      'adapter/world.test.ts': 'a killed connection: lost, executed, never a success, and the next command works',
      'transport/session.test.ts':
        'a channel that closes without an exit status ends as none, not as success, not as lost',
    },
  },
  { lesson: 3, says: 'a remote process that a signal ended has not succeeded', by: endings.aSignalIsNoSuccess },
  { lesson: 4, says: 'a command that we kill or abort has not succeeded', by: endings.whatWeStopIsNoSuccess },
  {
    lesson: 5,
    says: 'a loss is called a loss, also when the command has a time limit',
    by: endings.aLossIsCalledALoss,
    at: { 'adapter/result.test.ts': 'only a loss says Connection closed, and every loss does' },
  },
  {
    lesson: 6,
    says: 'a command whose caller gave up while it waited is never sent',
    by: endings.whoGaveUpWaitingIsNeverSent,
    at: { 'adapter/execute.test.ts': 'an abort between grant and exec sends nothing' },
  },
  {
    lesson: 7,
    says: 'a timeout ends its own command and leaves the connection to the others',
    by: endings.aTimeoutIsOnesOwn,
  },
  {
    lesson: 8,
    says: 'the time limit of a command on a lost connection does nothing to the new one, and each connection is counted once',
    by: endings.anOldTimeoutLeavesTheNewConnectionAlone,
  },
  {
    lesson: 9,
    says: 'pooling off is a connection a command, closed after it',
    at: {
      'shell/ssh-adapter.test.ts': 'pooling off: a connection a command',
      'pool/pool.test.ts': 'enabled: false carries one command per connection and closes it after',
    },
  },
  {
    lesson: 10,
    says: 'maxLifetime is what was set, and an old connection finishes its work',
    by: pooled.lifetimeIsAnOptionThatCounts,
  },
  { lesson: 11, says: 'every dial verifies the host as the first one did', by: pooled.everyDialVerifiesTheHost },
  {
    lesson: 12,
    says: 'further dials follow an exponential backoff, a success starts the count anew, and failures are counted',
    at: {
      'pool/pool.test.ts': [
        'a passing failure is dialled again, at most maxReconnectAttempts times, then every waiter gets the error',
        'a success ends the series, and the lease lists the attempts it waited for',
      ],
      'pool/parts.test.ts': 'backoff is uniform between nothing and the doubled base, up to its cap',
    },
  },
  {
    lesson: 13,
    says: 'a command is sent again by itself only while it provably never left',
    at: {
      'adapter/execute.test.ts': [
        'lost when it has %s been executed: reported, not repeated',
        'a connection that goes before the command left costs a new one, and is listed',
      ],
      'world/loss.world.test.ts': '20 commands are 20 results, each lost, none run twice, and the status is 255',
    },
  },
  {
    lesson: 14,
    says: 'a dead peer is found by pings of the protocol, also without any command',
    at: {
      'transport/loss.test.ts': [
        'a server that is stopped is found by keepalive within interval × (count + 1)',
        'keepalive leaves a quiet server that answers alone',
      ],
    },
  },
  {
    lesson: 15,
    says: 'commands that fail say nothing against their connection',
    by: pooled.failingCommandsSayNothingOfTheConnection,
  },
  {
    lesson: 16,
    says: 'a transfer or a tunnel holds its connection',
    by: transfers.aTransferHoldsItsConnection,
    real: true,
    at: {
      'tunnel/tunnel.world.test.ts': 'keeps its connection from idling out, and gives it back when it is closed',
      'pool/pool.test.ts': 'an idle connection closes after idleTimeout, and not while it works',
    },
  },
  {
    lesson: 17,
    says: 'a tunnel goes through the host it was asked of, whatever else is going on',
    by: tunnels.aTunnelBelongsToItsHost,
    real: true,
  },
  {
    lesson: 18,
    says: 'whoever breaks off a connection through a tunnel breaks nothing else',
    by: tunnels.aTunnelSurvivesItsGuests,
    real: true,
  },
  {
    lesson: 19,
    says: 'a transfer that is not whole is an error, and names that begin with a dot are files too',
    by: transfers.aTransferIsWholeOrAnError,
    real: true,
  },
  {
    lesson: 20,
    says: 'a directory that is not there runs nothing',
    by: inputs.aMissingDirectoryRunsNothing,
    at: { 'adapter/command.test.ts': 'a directory that is not there runs nothing, whatever the line looks like' },
  },
  {
    lesson: 21,
    says: 'a path with blanks, quotes or semicolons is one word',
    by: inputs.pathsAreOneWord,
    at: { 'adapter/command.test.ts': 'any words survive %s' },
  },
  {
    lesson: 22,
    says: 'every option reaches the command, and bytes stay bytes',
    at: {
      'shell/context.test.ts': 'options give new promises, and reach the command',
      'shell/promise.test.ts': ['bytes stay bytes, both ways', 'signals the remote process'],
    },
  },
  {
    lesson: 23,
    says: 'no time limit holds that nobody set, and output is there as it is written',
    by: endings.noLimitUnlessOneIsSet,
    at: { 'shell/promise.test.ts': 'come as they are written' },
  },
  {
    lesson: 24,
    says: 'a host known by another type of key is asked for that one, patterns may be negated, and parallel first contacts write one line',
    at: {
      'transport/host-key.test.ts': [
        'a host known by its RSA key alone is not called changed',
        'ten first contacts at once write one line',
      ],
      'openssh/known-hosts.test.ts': [
        'on which lines speak of a host',
        'are those of the keys on file, in the order of preference; RSA means its SHA-2 forms',
      ],
    },
  },
  {
    lesson: 25,
    says: 'keys of every common format work, encrypted or not, as path, text or bytes',
    at: {
      'openssh/key-format.test.ts': [
        'format and encrypted asks for the passphrase, takes the right one and refuses a wrong one',
        'an encrypted PKCS#8 key of each kind opens with its passphrase',
      ],
      'transport/auth.test.ts': 'a key of type %s, plain and encrypted',
      'shell/target.test.ts': 'a key is a path, its text or its bytes',
    },
  },
  {
    lesson: 26,
    says: 'a number that is none is refused, and flags, variables and files have an order',
    by: async (stage) => {
      inputs.numbersAreChecked()
      await inputs.aFanoutThatIsNoneIsRefused(stage)
    },
    at: {
      'cli/fleet.world.test.ts': 'a flag wins over a limit that the host has in the file',
      'cli/parse.test.ts': 'stand in for flags, which win',
    },
  },
  {
    lesson: 27,
    says: 'host keys are verified, and nobody rides on a connection with other credentials',
    at: {
      'transport/host-key.test.ts': 'a changed key is refused, with both fingerprints and the place of the old one',
      'pool/pool.test.ts': 'other credentials never share a connection, but share the limit of their endpoint',
    },
  },
  {
    lesson: 28,
    says: 'a wrapper for sudo must not swallow the command',
    not: "there is no sudo wrapper: `sudo` is a word of the command like any other, and its status is the command's",
  },
  {
    lesson: 29,
    says: 'a server that takes few sessions makes commands wait, never fail',
    at: {
      'pool/pool.test.ts': 'capacity is learned from a refusal, and the refused waiter is served in its turn',
      'world/capacity.world.test.ts': '60 names of one address against MaxSessions 2: one connection, 60 ok',
    },
  },
  {
    lesson: 30,
    says: 'first commands at once share one dial, and no sweep ends a connection that works',
    by: pooled.firstCommandsShareOneDial,
    at: { 'pool/pool.test.ts': 'an idle connection closes after idleTimeout, and not while it works' },
  },
  {
    lesson: 31,
    says: 'a program whose work is done ends by itself, and signals end it sooner',
    at: {
      'shell/ssh-adapter.test.ts':
        'importing does nothing; a program whose work is done ends although a connection, a monitor and a keep-alive are there',
      'world/kill.world.test.ts': 'SIGTERM gives 143, and a second signal leaves at once',
    },
  },
  {
    lesson: 32,
    says: 'importing installs nothing',
    at: {
      'shell/ssh-adapter.test.ts': [
        'importing does nothing; a program whose work is done ends although a connection, a monitor and a keep-alive are there',
        'shutdown hooks are there when they are asked for',
      ],
    },
  },
  {
    lesson: 33,
    says: 'a failure is one rejection, which catch catches',
    at: {
      'shell/promise.test.ts': 'an unawaited failure is one unhandled rejection',
      'shell/context.test.ts':
        'rejects with an error in the shape of a result; nothrow resolves; catch catches, without a second rejection',
    },
  },
  {
    lesson: 34,
    says: 'output of any size arrives, and what does not fit is an error that has the beginning',
    at: {
      'shell/promise.test.ts': [
        'is an error that has the beginning; the command ran to its end',
        'more than any buffer passes through, and the result keeps a beginning without an error',
      ],
      'transport/command.test.ts': 'a gigabyte comes through whole, in bounded memory, past a slow sibling',
    },
  },
  {
    lesson: 35,
    says: 'a duration that is none is refused, and settings hold for what is derived',
    by: endings.durationsHaveUnits,
    at: {
      'shell/context.test.ts': [
        'collects env, directory and timeout without changing its parent',
        'with an adapter runs on that adapter; its own stays as it was',
      ],
    },
  },
  {
    lesson: 36,
    says: 'no answer is given twice: every command runs, on its own host',
    by: pooled.everyHostAnswersForItself,
  },
  {
    lesson: 37,
    says: 'limits hold, and a failure that does not throw counts as a failure',
    by: pooled.aFailureIsCountedAsOne,
    at: { 'shell/run.world.test.ts': 'never has more hosts in flight than the fanout' },
  },
  {
    lesson: 38,
    says: "every host's output is shown as its own, bytes stay as they are, and stdout has nothing but output",
    at: {
      'cli/run.world.test.ts': 'passes the remote bytes and nothing else',
      'cli/output/renderer.test.ts':
        'stdout lines go to stdout, stderr lines to stderr, summary and failures to stderr',
      'world/fanout.world.test.ts': "200 right outputs, each host's own, in a pipe",
    },
  },
  { lesson: 39, says: 'an address is read in one way everywhere', by: inputs.addressesAreReadAlike },
  {
    lesson: 40,
    says: 'the command line is tested through its real arguments',
    at: {
      'cli/run.world.test.ts': [
        'passes the remote bytes and nothing else',
        'a script runs by its first line, with its arguments and stdin free',
      ],
      'cli/argv.test.ts': 'run: one host, then the command',
    },
  },
  {
    lesson: 41,
    says: 'two hundred hosts at once are one ordinary run',
    at: {
      'world/fanout.world.test.ts': ['200 right outputs', 'with maxConnections 5 the server never has more than 5'],
    },
  },
  {
    lesson: 42,
    says: 'secrets are in no output, no event, no file and no command line',
    at: {
      'world/secrets.world.test.ts': ['in no output and no command line', 'and in no file that was written meanwhile'],
      'adapter/command.test.ts': 'a secret is in no command line, ours or remote',
    },
  },
  {
    lesson: 43,
    says: 'no value becomes code, in a pipe neither, and one that is missing keeps its place',
    by: inputs.valuesNeverBecomeCode,
    at: { 'shell/quoting.test.ts': '10,000 values come back through a real sh byte for byte' },
  },
  { lesson: 44, says: 'what ends one adapter ends no other', by: pooled.anAdapterEndsAlone },
  {
    lesson: 45,
    says: 'a remote side that closes its input early is no crash',
    at: {
      'adapter/world.test.ts': 'a remote side that closes its stdin early is no crash',
      'shell/promise.test.ts': 'a reader that has enough stops the source',
    },
  },
  { lesson: 46, says: 'user and username are the same, and no key is ignored', by: inputs.userIsUsername },
  {
    lesson: 47,
    says: 'a secret that is missing is told as one, before any host is dialled',
    by: inputs.secretsAreReadBeforeAnyHost,
    at: { 'cli/fleet.world.test.ts': 'a secret that cannot be read stops everything before anything is dialled' },
  },
  {
    lesson: 48,
    says: 'reading a configuration runs nothing',
    by: inputs.readingAConfigurationRunsNothing,
    at: { 'openssh/ssh-config-load.test.ts': 'nothing in a file is executed' },
  },
  {
    lesson: 49,
    says: 'a tunnel that cannot be is an error, and a closed one leaves nothing',
    at: {
      'tunnel/tunnel.world.test.ts': [
        'a server that forwards nothing is said to be one',
        'nothing is left when they are closed',
        'what it cannot be is said before anything is dialled',
      ],
    },
  },
]

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterEach(() => stage.clear())
afterAll(() => stage.stop())

describe('lessons', () => {
  const noServer = lessons.some(({ real }) => real) && !requireSshd()
  for (const { lesson, says, by, real, at, not } of lessons) {
    const name = `L${lesson}: ${says}`
    if (not !== undefined) {
      test.skip(`${name} (does not apply: ${not})`)
      continue
    }
    if (by) test.skipIf(real && noServer)(name, () => by(stage))
    for (const [file, titles] of Object.entries(at ?? {})) {
      for (const title of [titles].flat()) {
        // A test that was renamed or taken away leaves its lesson unshown.
        test(`${name}: shown in ${file}, "${title}"`, () =>
          expect(testTitles(file).some((each) => each.includes(title))).toBe(true))
      }
    }
  }
})

test('all 49 are there, each shown or with the reason why not', () => {
  expect(lessons.map(({ lesson }) => lesson)).toEqual(Array.from({ length: 49 }, (_, i) => i + 1))
  for (const { lesson, by, at, not } of lessons)
    expect((by ? 1 : 0) + Object.keys(at ?? {}).length > 0, `L${lesson}`).toBe(not === undefined)
  expect(new Set(lessons.map(({ says }) => says)).size).toBe(49)
})

/** What the tests of a file and their groups are called, less those that are switched off. */
function testTitles(file: string): readonly string[] {
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    const [title] = ts.isCallExpression(node) ? node.arguments : []
    if (ts.isCallExpression(node) && title && beginsTest(node.expression))
      titles.push(ts.isStringLiteralLike(title) ? title.text : title.getText())
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(join(ROOT, 'test', file), 'utf8'), ts.ScriptTarget.Latest, true))
  return titles
}

/** `test`, `describe.each(…)` and the like; not `test.skip`, `test.todo` and `test.only`. */
function beginsTest(callee: ts.Expression): boolean {
  return /^(test|describe|describeWorld)(\.(each|runIf|skipIf)[(<`]|$)/.test(callee.getText())
}
