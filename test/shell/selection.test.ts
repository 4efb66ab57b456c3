import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadInventory, type LoadedInventory, type Selection } from '../../src/index.js'
import { makePlace, type Place } from '../rig/place.js'

describe('a selection', () => {
  let place: Place
  let inventory: LoadedInventory
  beforeAll(async () => {
    place = makePlace()
    writeFileSync(
      place.path('xec.config.yaml'),
      "hosts: { 'web[01-02]': 10.0.0.1, db1: 10.0.0.2 }\ngroups: { web: ['web[01-02]'] }\n",
    )
    inventory = await loadInventory({ cwd: place.home, env: place.env })
  })
  afterAll(() => place.remove())

  test.each<[Selection | undefined, readonly string[]]>([
    [undefined, ['web01', 'web02', 'db1']],
    [{ all: true }, ['web01', 'web02', 'db1']],
    [{ all: true, exclude: 'db1' }, ['web01', 'web02']],
    ['@web', ['web01', 'web02']],
    [{ hosts: 'web01,db1' }, ['web01', 'db1']],
    [{ groups: 'web', exclude: undefined }, ['web01', 'web02']],
  ])('%j', async (selection, names) => {
    expect(inventory.select(selection)).toEqual(names)
    expect((await inventory.targets(selection)).map(({ target }) => target.host)).toEqual(names)
  })

  test.each<[unknown, string]>([
    [{}, 'names no groups and no hosts; every host is all: true'],
    [{ hosts: [] }, 'names no groups and no hosts'],
    [{ groups: [] }, 'names no groups and no hosts'],
    [{ exclude: ['db1'] }, 'names no groups and no hosts'],
    [{ group: 'web' }, 'unknown key of a selection group; did you mean groups?'],
    [
      ['web01'],
      "a selection is a text such as '@web,db1' or an object such as { hosts: ['web01', 'db*'] }, not an array",
    ],
    [5, ', not 5'],
    [null, ', not null'],
    [{ hosts: 5 }, 'hosts must be a text or an array of texts, not 5'],
    [{ hosts: null }, 'hosts must be a text or an array of texts, not null'],
    [{ groups: ['web', null] }, 'groups must be a text or an array of texts, not an array with null'],
    [{ groups: [undefined] }, 'groups must be a text or an array of texts, not an array with undefined'],
    [{ all: 'no' }, 'all must be true or false, not a text'],
    ['', 'it is empty'],
  ])('%j is refused, and stands for no host', async (selection, message) => {
    expect(() => inventory.select(selection as Selection)).toThrow(message)
    await expect(inventory.targets(selection as Selection)).rejects.toThrow(message)
  })
})
