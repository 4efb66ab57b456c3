/** What the tour shows and says: its hosts, its two commands, and the words around them. Figures are those of the run. */
import type { Paint } from '../output/paint.js'
import type { PoolSnapshot } from '../../pool/metrics/snapshot.js'
import type { Report } from '../../run/events.js'
import { formatDuration } from '../../runtime/duration.js'
import type { Fleet, HostKnobs } from '../../demo/fleet.js'

const WEB = Array.from({ length: 10 }, (_, at) => `web${String(at + 1).padStart(2, '0')}`)
const SLOW = 'db1'
const FAILING = 'cache1'

export const HOSTS: readonly string[] = [...WEB, SLOW, FAILING]

/** The web hosts take their time one after the other, so that there is something to watch. */
export const KNOBS: Readonly<Record<string, HostKnobs>> = {
  ...Object.fromEntries(WEB.map((name, at) => [name, { delayMs: 60 * at }])),
  [SLOW]: { delayMs: 1_200 },
  [FAILING]: { delayMs: 300, failing: 1 },
}

/** What an inventory would set for each host. */
export function roleOf(host: string): Readonly<Record<string, string>> {
  return { ROLE: host.replace(/\d+$/, '') }
}

export const FIRST = 'uname -sm'
export const SECOND = 'echo "a $ROLE server"'

export interface Story {
  welcome(): void
  first(): void
  second(snapshot: PoolSnapshot): void
  /** @param before the pool's figures between the two rounds */
  figures(rounds: readonly [Report, Report], before: PoolSnapshot, after: PoolSnapshot): void
  /** To be told when everything is stopped. */
  end(finished: boolean, fleet: Pick<Fleet, 'seen' | 'processes'>): void
}

/** @param folded whether equal outputs are shown once, as on a terminal, or line by line, as in a pipe */
export function createStory(paint: Paint, folded: boolean, write: (text: string) => void): Story {
  const say = (...lines: string[]): void => write(lines.map((line) => `${line}\n`).join(''))
  const title = (text: string): string => paint.strong(text)
  const typed = (line: string): string => `${paint.faint('$')} ${paint.busy(line)}`
  return {
    welcome: () =>
      say(
        title(`A fleet of ${HOSTS.length} SSH servers, inside this process, on 127.0.0.1`),
        'The SSH is real; the keys were made for this run, and nobody else can log in.',
        `Commands run on this machine, as you. ${SLOW} is slow, ${FAILING} fails: on purpose.`,
        '',
      ),
    first: () => say(title('1. One command on every host'), typed(`xec exec-all --all --no-metrics '${FIRST}'`)),
    second: ({ connectionsCreated }) =>
      say(
        '',
        `${folded ? 'Equal answers are shown once' : 'Each line says whose it is'}. No host waited for ${SLOW}. ${FAILING} was meant to fail:`,
        `exec-all would exit with 1, this tour with 0. The ${connectionsCreated} connections stay open.`,
        '',
        title('2. Another command, over the same connections (ROLE is set by the inventory)'),
        typed(`xec exec-all --all '${SECOND}'`),
      ),
    figures([first, second], before, after) {
      const opened = after.connectionsCreated - before.connectionsCreated
      const reused = second.results.filter((result) => result.reused).length
      say(
        '',
        title('What the pool did, in words'),
        `${after.connectionsCreated} connections opened, ${after.acquired} commands, ${after.reuseCount} reused: the second round opened ${opened} new`,
        `connections and found one open on ${reused} of ${second.results.length} hosts. A host was ready for its`,
        `command after ${ready(first)} in the first round, ${ready(second)} in the second.`,
      )
    },
    end(finished, fleet) {
      const { open } = fleet.seen()
      const left =
        open + fleet.processes === 0
          ? 'Nothing is left behind: no connection, no port, no process, no file.'
          : `Left behind, which should not be: ${open} connections, ${fleet.processes} processes.`
      say('', finished ? left : `Stopped early. ${left}`)
      if (finished) say(`For hosts of your own: ${paint.busy('xec init')} writes an inventory to begin with.`)
    },
  }
}

/** The median of what the hosts waited for a channel, connecting included. */
function ready({ results }: Report): string {
  const waits = results.map(({ waitMs }) => waitMs).sort((a, b) => a - b)
  return formatDuration(Math.max(1, waits[Math.floor(waits.length / 2)] ?? 0))
}
