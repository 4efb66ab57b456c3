/** A local script: which interpreter it asks for, and the text that is sent. Pure. */
import { XecError } from '../errors.js'

/**
 * The words of the shebang line as Linux reads it (execve(2)): the path, then everything behind it as one argument.
 * `sh` when there is none. A carriage return at the end, from an editor on Windows, is not part of it.
 */
export function interpreterOf(content: Buffer): readonly string[] {
  const head = withoutBom(content).subarray(0, 4096).toString('utf8')
  const shebang = /^#![ \t]*(\S+)[ \t]*([^\r\n]*)/.exec(head)
  if (!shebang) return ['sh']
  const [, path = 'sh', argument = ''] = shebang
  return argument.trimEnd() === '' ? [path] : [path, argument.trimEnd()]
}

/**
 * The script without a byte order mark and without its last newline, which the here-document adds again.
 * @throws XecError XEC_CONFIG when it holds a NUL byte: no text, so no script.
 */
export function scriptText(name: string, content: Buffer): Buffer {
  if (content.includes(0))
    throw new XecError(
      'XEC_CONFIG',
      `${name} holds a NUL byte, so it is not a script; copy the program to the host and run it there`,
      { phase: 'exec' },
    )
  const text = withoutBom(content)
  return text.at(-1) === 0x0a ? text.subarray(0, -1) : text
}

function withoutBom(content: Buffer): Buffer {
  return content.length >= 3 && content[0] === 0xef && content[1] === 0xbb && content[2] === 0xbf
    ? content.subarray(3)
    : content
}
