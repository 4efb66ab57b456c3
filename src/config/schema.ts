/**
 * The JSON Schema of a configuration (draft-07, which editors read), made from the tables that it is read by. What a
 * schema cannot say (a host that a group lists and nobody defines, a circle) is left to the reader. Pure.
 */
import { LIFTING_KEYS, type WrittenSettings } from '../inventory/inventory.js'
import { KINDS } from '../inventory/sources/source.js'
import { POOL_OPTIONS, POOL_OPTION_NAMES } from '../pool/options.js'
import type { INVENTORY_KEYS } from './inventory-key.js'
import type { TOP_KEYS } from './top-keys.js'

type Schema = { readonly [key: string]: unknown }

const text: Schema = { type: 'string', minLength: 1 }
/** A text; a number is taken as it is written. */
const word: Schema = { type: ['string', 'number'] }
const bool: Schema = { type: 'boolean' }
const DURATION = '^\\s*\\d+(\\.\\d+)?(ms|s|m|h|d)\\s*$'
/** Milliseconds, or with a unit. */
const duration: Schema = {
  anyOf: [
    { type: 'number', minimum: 0 },
    { type: 'string', pattern: DURATION },
  ],
}
/** A bare number would mean seconds to ssh. */
const unitDuration: Schema = { type: 'string', pattern: DURATION }
const listOr = (one: Schema): Schema => ({ anyOf: [one, { type: 'array', items: one }] })
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })

function closed(properties: Readonly<Record<string, Schema>>, doc?: string): Schema {
  return { type: 'object', additionalProperties: false, properties, ...(doc === undefined ? {} : { description: doc }) }
}

const secret: Schema = {
  anyOf: [
    word,
    { ...closed({ env: text }), required: ['env'] },
    { ...closed({ command: { type: 'array', items: word, minItems: 1 } }), required: ['command'] },
  ],
}

function poolSchema(perHost: boolean): Schema {
  const names = POOL_OPTION_NAMES.filter((name) => !perHost || POOL_OPTIONS[name].perHost)
  return closed(
    Object.fromEntries(
      names.map((name) => {
        const { kind, min = 0, default: value, doc } = POOL_OPTIONS[name]
        const schema = kind === 'boolean' ? bool : kind === 'count' ? { type: 'integer', minimum: min } : duration
        return [name, { ...orNull(schema), description: doc, default: value }]
      }),
    ),
  )
}

/** Words of ssh_config, and what YAML makes of them. */
const sshWord: Schema = listOr({ type: ['string', 'number', 'boolean'] })

const HOST: { readonly [K in keyof Required<WrittenSettings>]: Schema } = {
  host: { ...word, description: 'address or name to dial; default the name itself; {name} stands for that' },
  port: { type: 'integer', minimum: 1, maximum: 65_535 },
  username: word,
  privateKey: secret,
  passphrase: secret,
  password: secret,
  proxyJump: listOr(text),
  proxyCommand: text,
  identityAgent: text,
  identitiesOnly: bool,
  hostKeyAlias: word,
  strictHostKeyChecking: { enum: ['yes', 'no', 'ask', 'accept-new', 'strict', 'true', 'false', 'off', true, false] },
  userKnownHostsFile: listOr(text),
  connectTimeout: unitDuration,
  serverAliveInterval: unitDuration,
  serverAliveCountMax: { type: 'integer', minimum: 0 },
  env: { type: 'object', propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }, additionalProperties: secret },
  pool: poolSchema(true),
  vars: { type: 'object', description: 'plain data for templates; no secrets' },
  ...(Object.fromEntries(LIFTING_KEYS.map((key) => [key, sshWord])) as Record<(typeof LIFTING_KEYS)[number], Schema>),
}

function hostProperties(): Record<string, Schema> {
  const properties: Record<string, Schema> = { ...HOST, user: HOST.username }
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, orNull(schema)]))
}

const INVENTORY: { readonly [K in (typeof INVENTORY_KEYS)[number]]: Schema } = {
  kind: { enum: [...KINDS] },
  file: text,
  command: listOr(word),
  ttl: duration,
  timeout: duration,
}

/** The schema of the whole configuration. */
export function configSchema(): Schema {
  const shared = Object.fromEntries(Object.entries(hostProperties()).filter(([key]) => key !== 'host'))
  const members = orNull(listOr(word))
  const inventory: Schema = {
    anyOf: [text, { ...closed(INVENTORY), anyOf: [{ required: ['file'] }, { required: ['command'] }] }],
  }
  const properties: { readonly [K in (typeof TOP_KEYS)[number]]: Schema } = {
    pool: orNull(poolSchema(false)),
    defaults: orNull({ $ref: '#/definitions/defaults' }),
    hosts: orNull({
      type: 'object',
      additionalProperties: { anyOf: [{ type: ['string', 'number', 'null'] }, { $ref: '#/definitions/host' }] },
    }),
    groups: orNull({
      type: 'object',
      additionalProperties: { anyOf: [members, { $ref: '#/definitions/group' }] },
    }),
    inventory: orNull(listOr(inventory)),
    trust: orNull(listOr({ type: 'string', pattern: '^(~$|~/|/|[A-Za-z]:)' })),
    history: orNull(bool),
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'xec.config.yaml',
    ...closed(properties),
    definitions: {
      host: closed(hostProperties()),
      defaults: closed(shared),
      group: closed({ ...shared, hosts: members, groups: orNull(listOr(text)) }),
    },
  }
}
