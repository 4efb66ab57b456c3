import { describe, expect, test } from 'vitest'
import { splitArgv } from '../../src/cli/argv.js'

const VALUED = new Set(['-l', '--login', '-e', '--env', '-g', '--group', '-x', '-w', '--timeout', '--script'])
const split = (operands: number) => (line: string) =>
  splitArgv(
    line.split(' ').filter((word) => word !== ''),
    (option) => VALUED.has(option),
    operands,
  )

describe('run: one host, then the command', () => {
  test.each([
    // argv, options, host, command
    ['web1 ls -la', '', 'web1', 'ls -la'],
    ['web1 grep -e x f', '', 'web1', 'grep -e x f'],
    ['web1 df -h', '', 'web1', 'df -h'],
    ['-l root web1 -t top', '-l root -t', 'web1', 'top'],
    ['-lroot web1 top', '-lroot', 'web1', 'top'],
    ['-tl root web1 top', '-tl root', 'web1', 'top'],
    ['-tlroot web1 top', '-tlroot', 'web1', 'top'],
    ['--login root web1 top', '--login root', 'web1', 'top'],
    ['--login=root web1 top', '--login=root', 'web1', 'top'],
    ['web1 -e A=1 -e B=2 env', '-e A=1 -e B=2', 'web1', 'env'],
    ['web1 -- -l', '', 'web1', '-l'],
    ['web1 -t -- -l', '-t', 'web1', '-l'],
    ['-- web1 ls -l', '', 'web1', 'ls -l'],
    ['-t -- web1 -l root', '-t', 'web1', '-l root'],
    ['web1 ls -- foo', '', 'web1', 'ls -- foo'],
    ['web1 -- ls -- foo', '', 'web1', 'ls -- foo'],
    ['web1 -', '', 'web1', '-'],
    ['web1 --script deploy.sh a -b', '--script deploy.sh', 'web1', 'a -b'],
    ['web1 --script deploy.sh -- -v', '--script deploy.sh', 'web1', '-v'],
    ['-l -t web1 top', '-l -t', 'web1', 'top'],
    ['web1', '', 'web1', ''],
    ['web1 -l', '-l', 'web1', ''],
    ['', '', '', ''],
    ['--bogus web1 ls', '--bogus', 'web1', 'ls'],
  ])('%s', (line, options, operands, words) => {
    const found = split(1)(line)
    expect({
      options: found.options.join(' '),
      operands: found.operands.join(' '),
      words: found.words.join(' '),
    }).toEqual({ options, operands, words })
  })
})

describe('exec-all: options, then the command', () => {
  test.each([
    ['-g web -x web3 -- systemctl status nginx', '-g web -x web3', 'systemctl status nginx'],
    ['-g web uptime', '-g web', 'uptime'],
    ['uptime -g web', '', 'uptime -g web'],
    ['-g web --timeout 30s ls -l', '-g web --timeout 30s', 'ls -l'],
    ['-g web -- -x', '-g web', '-x'],
  ])('%s', (line, options, words) => {
    const found = split(0)(line)
    expect({ options: found.options.join(' '), words: found.words.join(' ') }).toEqual({ options, words })
  })
})
