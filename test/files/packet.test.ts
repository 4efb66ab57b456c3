import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  Fields,
  fillWriteHeader,
  kindOf,
  MAX_MESSAGE,
  message,
  Messages,
  NotSftp,
  permissions,
  text,
  TYPE,
  u32,
  u64,
  writeHeaderLength,
} from '../../src/files/packet.js'

const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value))

/** What comes out when `stream` comes in pieces of these lengths. */
function cut(stream: Buffer, lengths: readonly number[]): Buffer[] {
  const messages = new Messages()
  const taken: Buffer[] = []
  let at = 0
  for (const length of [...lengths, stream.length]) {
    messages.push(stream.subarray(at, at + length), (whole) => taken.push(whole))
    at += length
  }
  return taken
}

describe('messages', () => {
  test('come out whole, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), bytes), { maxLength: 10 }),
        fc.array(fc.integer({ min: 0, max: 50 })),
        (sent, lengths) => {
          const stream = Buffer.concat(sent.map(([type, content], id) => message(type, id, [text(content)])))
          const taken = cut(stream, lengths).map((body) => {
            const fields = new Fields(body)
            return [fields.u8(), fields.u32(), fields.text(), fields.over] as const
          })
          expect(taken).toEqual(sent.map(([type, content], id) => [type, id, content, true]))
        },
      ),
    )
  })

  test('of no length, or of one that nobody sends, are not SFTP', () => {
    expect(() => cut(u32(0), [])).toThrow(NotSftp)
    expect(() => cut(u32(MAX_MESSAGE + 1), [])).toThrow(NotSftp)
    expect(cut(u32(MAX_MESSAGE), [])).toEqual([])
  })

  test('a write is its header and the bytes that stand behind it already', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 256 }), fc.maxSafeNat(), bytes, (handle, offset, data) => {
        const own = Buffer.from(handle)
        const packet = Buffer.concat([Buffer.alloc(writeHeaderLength(own)), data, Buffer.alloc(7)])
        expect(fillWriteHeader(packet, 99, own, offset, data.length)).toEqual(
          message(TYPE.write, 99, [text(own), u64(offset), text(data)]),
        )
      }),
    )
  })
})

describe('fields', () => {
  test('that end too early are not SFTP, whatever they say', () => {
    fc.assert(
      fc.property(bytes, (content) => {
        const fields = new Fields(content)
        try {
          fields.entries()
        } catch (error) {
          expect(error).toBeInstanceOf(NotSftp)
        }
      }),
    )
  })

  test('attributes: only what is there', () => {
    const all = Buffer.concat([
      u32(0x8000_000f),
      u64(5),
      u32(1),
      u32(2),
      u32(0o100644),
      u32(3),
      u32(4),
      u32(1),
      text('name'),
      text('value'),
      u32(42),
    ])
    const fields = new Fields(all)
    expect(fields.attributes()).toEqual({ size: 5, mode: 0o100644 })
    expect(fields.u32()).toBe(42)
    expect(new Fields(u32(0)).attributes()).toEqual({ size: undefined, mode: undefined })
    expect(new Fields(permissions(0o600)).attributes()).toEqual({ size: undefined, mode: 0o600 })
    expect(() => new Fields(Buffer.concat([u32(1), Buffer.alloc(8, 0xff)])).attributes()).toThrow(NotSftp)
  })

  test.each([
    [0o100644, 'file'],
    [0o040755, 'directory'],
    [0o120777, 'link'],
    [0o010644, 'other'],
    [0o140755, 'other'],
    [0o644, 'unknown'],
    [undefined, 'unknown'],
  ])('%o is a %s', (mode, kind) => {
    expect(kindOf({ mode, size: 0 })).toBe(kind)
  })
})
