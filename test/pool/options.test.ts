import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { POOL_OPTION_NAMES, POOL_OPTIONS, resolvePoolOptions } from '../../src/pool/options.js'

test('the comment of each option in PoolOptions is that of the table, with unit and default', () => {
  const path = new URL('../../src/pool/options.ts', import.meta.url)
  const source = ts.createSourceFile('options.ts', readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found = source.statements.find((each) => ts.isInterfaceDeclaration(each) && each.name.text === 'PoolOptions')
  const comments = (found as ts.InterfaceDeclaration).members.map((member) => [
    member.name?.getText(),
    ts.getJSDocCommentsAndTags(member).map(({ comment }) => ts.getTextOfJSDocComment(comment))[0],
  ])
  expect(comments).toEqual(
    POOL_OPTION_NAMES.map((name) => {
      const { doc, kind, default: usual } = POOL_OPTIONS[name]
      const sentence = `${doc.charAt(0).toUpperCase()}${doc.slice(1)}.${kind === 'duration' ? ' In ms.' : ''}`
      return [name, `${sentence} Default ${usual}.`]
    }),
  )
})

test('a duration is ms, or a text with its unit', () => {
  expect(resolvePoolOptions({ idleTimeout: '90s', reconnectDelay: '500ms', maxLifetime: 60_000 })).toMatchObject({
    idleTimeout: 90_000,
    reconnectDelay: 500,
    maxLifetime: 60_000,
  })
  expect(() => resolvePoolOptions({ idleTimeout: '90' })).toThrow("milliseconds, or a text such as '30s'")
})

test.each([
  ['maxConections', 'maxConnections'],
  ['keepaliveInterval', 'keepAliveInterval'],
  ['serverAliveCountMax', 'keepAliveCountMax'],
  ['poolSize', 'maxConnections'],
  ['idleTimeoutMillis', 'idleTimeout'],
  ['retries', 'maxReconnectAttempts'],
])('%s gets %s suggested', (name, meant) => {
  expect(() => resolvePoolOptions({ [name]: 1 })).toThrow(`unknown pool option ${name}; did you mean ${meant}?`)
})
