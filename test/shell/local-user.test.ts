import { expect, test } from 'vitest'
import { localUser } from '../../src/runtime/local-user.js'

test('a user without an entry in the password database is who the environment says, or a uid', () => {
  const nobody = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT')
  }
  expect(localUser({ USER: 'other' }, () => ({ username: 'ada' }))).toBe('ada')
  expect([
    localUser({ USER: 'ada', LOGNAME: 'bob' }, nobody),
    localUser({ USER: '', LOGNAME: 'bob' }, nobody),
    localUser({}, nobody),
  ]).toEqual(['ada', 'bob', String(process.getuid?.())])
})
