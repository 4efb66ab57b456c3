/** xec.schema.json: made from the tables, true of every example, and against every mistake that a schema can express. */
import { readFileSync, writeFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { starterConfig } from '../../src/cli/commands/init.js'
import { parseConfig } from '../../src/config/parse.js'
import { configSchema } from '../../src/config/schema.js'
import { fences } from '../docs/pages.js'

const FILE = new URL('../../xec.schema.json', import.meta.url)
const text = `${JSON.stringify(configSchema(), null, 2)}\n`

/** To renew it: XEC_UPDATE_DOCS=1 npx vitest run test/config/schema.test.ts */
test('the file in the package is what the tables say', () => {
  if (process.env['XEC_UPDATE_DOCS'] === '1') writeFileSync(FILE, text)
  // The formatter sets its lines.
  else expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(text))
})

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(configSchema())
const problems = (yaml: string): string =>
  validate(parse(yaml) ?? {})
    ? ''
    : (validate.errors ?? []).map((each) => `${each.instancePath} ${each.message}`).join('; ')

test('the example and the starter are valid', () => {
  expect(problems(readFileSync(new URL('../../xec.config.example.yaml', import.meta.url), 'utf8'))).toBe('')
  expect(problems(starterConfig())).toBe('')
})

describe('every configuration of the documentation is valid', () => {
  const snippets = fences.filter(({ language }) => language === 'yaml').map((each) => [each.place, each.text] as const)
  test('there are some', () => expect(snippets.length).toBeGreaterThan(3))
  test.each(snippets)('%s', (_, body) => expect(problems(body)).toBe(''))
})

test.each([
  'hots: {}',
  'pool: { maxConnections: 0 }',
  'pool: { maxConnections: many }',
  'pool: { idleTimeout: 5 minutes }',
  'pool: { maxConections: 5 }',
  'hosts: { a: { prot: 22 } }',
  'hosts: { a: { port: 70000 } }',
  'hosts: { a: { port: "22" } }',
  'hosts: { a: { connectTimeout: 5 } }',
  'hosts: { a: { pool: { maxConnections: 1 } } }',
  'hosts: { a: { password: { enf: X } } }',
  'hosts: { a: { password: { command: [] } } }',
  'hosts: { a: { strictHostKeyChecking: maybe } }',
  'hosts: { a: { identitiesOnly: maybe } }',
  'hosts: { a: { env: { "1X": y } } }',
  'hosts: { a: { vars: [1] } }',
  'hosts: [a, b]',
  'groups: { g: { host: x } }',
  'groups: { g: { hots: [] } }',
  'defaults: { host: x }',
  'inventory: { kind: ansibel, file: x }',
  'inventory: { ttl: 5m }',
  'trust: [relative/path]',
  'history: sometimes',
])('%s is refused by the schema and by the reader', (yaml) => {
  expect(problems(yaml)).not.toBe('')
  expect(() => parseConfig('xec.config.yaml', yaml)).toThrow()
})
