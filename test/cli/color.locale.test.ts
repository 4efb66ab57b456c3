import { expect, test } from 'vitest'
import { wantsUnicode } from '../../src/cli/color.js'

test.each<[Record<string, string>, boolean]>([
  [{}, true],
  [{ LC_ALL: 'C' }, false],
  [{ LC_ALL: 'POSIX', LANG: 'en_US.UTF-8' }, false],
  [{ LANG: 'C' }, false],
  [{ LC_ALL: '', LC_CTYPE: 'C', LANG: 'en_US.UTF-8' }, false],
  [{ LC_ALL: 'C.UTF-8', LANG: 'C' }, true],
  [{ LC_ALL: 'C.utf8' }, true],
  [{ LANG: 'de_DE.UTF-8@euro' }, true],
  [{ LANG: 'de_DE.ISO-8859-1' }, false],
  [{ LANG: 'de_DE' }, true],
])('line art under %j: %s', (env, unicode) => expect(wantsUnicode(env)).toBe(unicode))
