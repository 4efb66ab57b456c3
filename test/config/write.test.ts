import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.js'
import { writeSource } from '../../src/config/write.js'
import { generateInventory } from '../inventory/sources/generate.js'
import { InventoryWorld } from '../inventory/sources/world.js'
import { readAnsible } from '../../src/inventory/sources/ansible-files.js'
import { seededRandom } from '../../src/runtime/random.js'

test('what is written of an inventory reads back to the same hosts and groups', async () => {
  for (let i = 0; i < 20; i++) {
    const world = new InventoryWorld()
    const { source, files } = generateInventory(seededRandom(77 + i))
    for (const [name, text] of Object.entries(files)) world.file(name, text)
    const read = await readAnsible(`${world.root}/${source}`)
    const text = writeSource(read)
    const { inventory } = parseConfig('xec.config.yaml', text)
    const comparable = (settings: object): unknown =>
      JSON.parse(JSON.stringify(settings, (key, value: unknown) => (key === 'place' ? undefined : value)))
    expect(
      [...inventory.hosts].map(([name, own]) => [name, comparable(own)]),
      text,
    ).toEqual([...read.hosts].map(([name, own]) => [name, comparable(own)]))
    for (const [name, group] of read.groups)
      if (name !== 'ungrouped') expect(inventory.groups.get(name)).toMatchObject(group)
    world.remove()
  }
})

test('a host that is not dialled, and a value that cannot be read, are comments', () => {
  const text = writeSource({
    hosts: new Map([
      ['localhost', { notDialled: 'inv:1: ansible_connection is local' }],
      ['db1', { port: 22, connectTimeout: 5000, proxyJump: [], faults: { username: 'inv:2: it is a template' } }],
      ['yes', { strictHostKeyChecking: 'strict', userKnownHostsFile: ['/dev/null'] }],
    ]),
    groups: new Map([['g', { hosts: ['localhost', 'db1'], groups: [] }]]),
    warnings: [],
    secretFiles: new Set(),
  })
  expect(text).toBe(`hosts:
  # localhost is not dialled: inv:1: ansible_connection is local
  # db1: inv:2: it is a template
  db1: { port: 22, connectTimeout: "5000ms", proxyJump: none }
  "yes": { strictHostKeyChecking: strict, userKnownHostsFile: [/dev/null] }

groups:
  g: [db1]
`)
  expect(parseConfig('x', text).inventory.hosts.get('db1')).toEqual({ port: 22, connectTimeout: 5000, proxyJump: [] })
})
