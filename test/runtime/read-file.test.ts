import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { readBounded } from '../../src/runtime/read-file.js'
import { KnownHosts } from '../../src/openssh/known-hosts-file.js'
import { loadSshConfig } from '../../src/openssh/ssh-config-load.js'
import { makePlace } from '../rig/place.js'

const place = makePlace()
afterAll(() => place.remove())
const read = (path: string, largest = 1_000): Promise<string> =>
  readBounded(path, { largest, patienceMs: 100 }).then(({ bytes }) => bytes.toString())

test('a file is read whole, an empty one too', async () => {
  writeFileSync(place.path('full'), 'x'.repeat(1_000))
  writeFileSync(place.path('empty'), '')
  expect(await read(place.path('full'))).toHaveLength(1_000)
  expect(await read(place.path('empty'))).toBe('')
  expect(await read('/dev/null')).toBe('')
  // A file of /proc has no size.
  expect(await read('/proc/self/stat')).toContain('(')
})

test('what is larger than its bound is an error, and a device without an end is one too', async () => {
  writeFileSync(place.path('large'), 'x'.repeat(1_001))
  await expect(read(place.path('large'))).rejects.toThrow(
    'it is larger than 1000 bytes, which is the most that is read',
  )
  await expect(read('/dev/zero', 2_000_000)).rejects.toThrow('it is larger than 2 MB')
  await expect(read(place.path('.'))).rejects.toThrow('it is a directory')
})

test('a pipe is read up to its end, and one that nobody writes to is given up', async () => {
  const pipe = place.path('pipe')
  execFileSync('mkfifo', [pipe])
  await expect(read(pipe)).rejects.toThrow('it is a pipe or a device, and nothing came from it for 0.1 s')
  const reading = read(pipe)
  const writer = openSync(pipe, 'r+')
  writeSync(writer, 'hello')
  setTimeout(() => closeSync(writer), 50)
  expect(await reading).toBe('hello')
})

test('an Include and a known_hosts file that are pipes hold nobody', async () => {
  const pipe = place.path('held')
  execFileSync('mkfifo', [pipe])
  const host = await new KnownHosts().lookup({ userFiles: [pipe], globalFiles: [], alias: null }, 'web1', 22)
  expect(host.knownTypes).toEqual([])
  writeFileSync(place.path('config'), 'Include /*/*/*/*/*\n', { mode: 0o600 })
  await expect(loadSshConfig({ home: '/root', env: {}, file: place.path('config') })).rejects.toThrow(
    /config:1: Include \/\*\/\*\/\*\/\*\/\*: it (looks at more than 100000 files; name a smaller directory|matches more than 1000 files)/,
  )
})
