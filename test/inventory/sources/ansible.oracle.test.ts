/** What ansible-inventory makes of an inventory is what xec makes of it: groups, their hosts, and every variable. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAnsible } from '../../../src/inventory/sources/ansible-files.js'
import type { Source } from '../../../src/inventory/sources/source.js'
import { seededRandom } from '../../../src/runtime/random.js'
import { requireProgram } from '../../support/require.js'
import { cases, oracleSeed } from '../../support/scale.js'
import { generateInventory } from './generate.js'

const program = requireProgram('ansible-inventory', 'XEC_REQUIRE_ANSIBLE')
const run = promisify(execFile)

interface Listing {
  readonly groups: Readonly<Record<string, readonly string[]>>
  readonly vars: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

interface Group {
  readonly hosts?: readonly string[]
  readonly children?: readonly string[]
}

/** Hosts of a group and of the groups in it, sorted. */
function expanded(groups: Readonly<Record<string, Group>>): Listing['groups'] {
  const membersOf = (name: string): string[] => [
    ...(groups[name]?.hosts ?? []),
    ...(groups[name]?.children ?? []).flatMap(membersOf),
  ]
  const found = Object.keys(groups).map((name) => [name, [...new Set(membersOf(name))].sort()] as const)
  return Object.fromEntries(found.filter(([name, hosts]) => name !== 'all' && hosts.length > 0))
}

async function byAnsible(source: string, cwd: string): Promise<Listing> {
  const { stdout } = await run(program ?? '', ['-i', source, '--list'], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, LC_ALL: 'C.UTF-8' },
  })
  const { _meta, ...groups } = JSON.parse(stdout) as Record<string, Group> & {
    _meta: { hostvars: Listing['vars'] }
  }
  return { groups: expanded(groups), vars: _meta.hostvars }
}

/** The variables, with the password that is kept apart from them. */
function ours({ hosts, groups }: Source): Listing {
  const vars = [...hosts].map(([name, settings]) => {
    const password = settings.password?.kind === 'plain' ? { ansible_password: settings.password.value } : {}
    return [name, { ...settings.vars, ...password }] as const
  })
  return {
    groups: expanded(
      Object.fromEntries([...groups].map(([name, group]) => [name, { hosts: group.hosts, children: group.groups }])),
    ),
    vars: Object.fromEntries(vars.filter(([, own]) => Object.keys(own).length > 0)),
  }
}

describe.skipIf(program === undefined)('inventories of Ansible', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'xec-ansible-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const seed = oracleSeed('ansible inventories')
  test.each(Array.from({ length: cases(50) }, (_, i) => i))(
    'inventory %i is read as ansible-inventory reads it',
    { timeout: 60_000 },
    async (i) => {
      const { source, files } = generateInventory(seededRandom(seed + i))
      const root = join(directory, String(i))
      for (const [name, text] of Object.entries(files)) {
        await mkdir(dirname(join(root, name)), { recursive: true })
        await writeFile(join(root, name), text)
      }
      const cwd = join(directory, 'elsewhere')
      await mkdir(cwd, { recursive: true })
      const path = join(root, source)
      expect(ours(await readAnsible(path)), JSON.stringify(files, null, 1)).toEqual(await byAnsible(path, cwd))
    },
  )
})
