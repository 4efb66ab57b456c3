import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { each, Flight, Room } from '../../src/files/flight.js'

test('there is never more under way than there is room for, and all of it is done', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 40 }),
      fc.scheduler(),
      async (whole, amounts, scheduler) => {
        const flight = new Flight(new Room(whole))
        let now = 0
        let done = 0
        const all = (async () => {
          for (const amount of amounts) {
            await flight.start(amount, async () => {
              now += Math.min(amount, whole)
              expect(now).toBeLessThanOrEqual(whole)
              await scheduler.schedule(Promise.resolve())
              now -= Math.min(amount, whole)
              done++
            })
          }
          await flight.done()
        })()
        await scheduler.waitFor(all)
        expect(done).toBe(amounts.length)
      },
    ),
  )
})

test('who waits for room is served in turn: much is not overtaken by little for ever', async () => {
  const room = new Room(10)
  const order: string[] = []
  await room.take(6)
  void room.take(10).then(() => order.push('much'))
  void room.take(1).then(() => order.push('little'))
  await turn()
  expect(order).toEqual([])
  room.give(6)
  await turn()
  expect(order).toEqual(['much'])
  room.give(10)
  await turn()
  expect(order).toEqual(['much', 'little'])
})

test('after a failure nothing is begun, and what is under way is waited for', async () => {
  const begun: number[] = []
  const ended: number[] = []
  await expect(
    each([1, 2, 3, 4, 5], 2, async (item) => {
      begun.push(item)
      if (item === 1) throw new Error('one')
      await turn()
      ended.push(item)
    }),
  ).rejects.toThrow('one')
  expect(ended).toEqual(begun.filter((item) => item !== 1))
  expect(begun).not.toContain(5)
})
