import { describe, expect, test } from 'vitest'
import { firstToGo, isEvictable } from '../../src/pool/policy/evict.js'
import type { ConnectionView, QueueView } from '../../src/pool/policy/view.js'

type Asker = QueueView | null

const queue = (more: Partial<QueueView> = {}): QueueView =>
  ({ waiting: 0, served: false, waitingDependants: new Set(), ...more }) as QueueView
const waitedForBy = (...children: QueueView[]): QueueView => queue({ waitingDependants: new Set(children) })
const idle = (more: Partial<ConnectionView> = {}): ConnectionView =>
  ({
    state: 'open',
    idle: true,
    freeing: false,
    used: 0,
    carried: new Set(),
    carriedTotal: 0,
    queue: queue(),
    ...more,
  }) as ConnectionView
const busy = (more: Partial<ConnectionView> = {}): ConnectionView => idle({ idle: false, used: 1, ...more })
const carrying = (carried: ConnectionView[], more: Partial<ConnectionView> = {}): ConnectionView =>
  idle({ idle: false, carried: new Set(carried), carriedTotal: carried.length, ...more })

const stranger = queue({ waiting: 1 })
const owner = queue({ waiting: 1, served: true })

describe('a connection', () => {
  test.each<[string, ConnectionView, Asker, boolean]>([
    ['goes while it is idle', idle(), stranger, true],
    ['stays while something is on it', busy(), stranger, false],
    ['stays where its own user asks', idle({ queue: stranger }), stranger, false],
    ['stays where somebody waits for a channel', idle({ queue: queue({ waiting: 1 }) }), stranger, false],
    [
      'stays where it is to carry one that has none, and has carried nobody yet',
      idle({ queue: waitedForBy(queue()) }),
      stranger,
      false,
    ],
    ['goes once it has carried', idle({ queue: waitedForBy(queue()), carriedTotal: 1 }), stranger, true],
    [
      'goes for one who has none, where those whom it is to carry have one',
      idle({ queue: waitedForBy(owner) }),
      stranger,
      true,
    ],
    ['goes for one who is new, likewise', idle({ queue: waitedForBy(owner) }), null, true],
    ['stays where who asks has one, too', idle({ queue: waitedForBy(owner) }), owner, false],
    ['stays for the one of them that has none', idle({ queue: waitedForBy(owner, queue()) }), stranger, false],
  ])('%s', (_, connection, asker, goes) => {
    expect(isEvictable(connection, asker)).toBe(goes)
  })
})

describe('of a jump host', () => {
  const [first, second] = [idle(), idle()]
  const idler = queue()

  test.each<[string, ConnectionView, Asker, ConnectionView | null]>([
    ['the first goes that it carries, where all of them may', carrying([first, second]), stranger, first],
    [
      'the next, where the first is on its way',
      carrying([idle({ idle: false, freeing: true, state: 'closing' }), second]),
      stranger,
      second,
    ],
    ['nothing more, where all are', carrying([idle({ idle: false, freeing: true, state: 'closing' })]), stranger, null],
    ['likewise at the end of a chain', carrying([carrying([first])]), stranger, first],
    ['nothing goes while one of them works', carrying([first, busy()]), stranger, null],
    ['nothing goes while a command runs on it', carrying([first], { used: 1 }), stranger, null],
    [
      'likewise of one that is on its way out, also for its own user',
      carrying([first], { state: 'draining', queue: owner }),
      owner,
      first,
    ],
    [
      'nothing goes while the last command runs on one that is on its way out',
      carrying([first], { state: 'draining', used: 1 }),
      stranger,
      null,
    ],
    ['nothing goes where its own user is about to ask', carrying([first], { queue: idler }), idler, null],
    [
      'nothing goes where somebody waits for a channel on it',
      carrying([first], { queue: queue({ waiting: 1 }) }),
      stranger,
      null,
    ],
  ])('%s', (_, connection, asker, goes) => {
    expect(firstToGo(connection, asker)).toBe(goes)
  })

  test('it goes itself when it carries nobody any more', () => {
    expect(firstToGo(first, stranger)).toBe(first)
  })
})
