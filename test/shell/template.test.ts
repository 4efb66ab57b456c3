import { expect, test } from 'vitest'
import { $ } from '../../src/index.js'
import { Secret } from '../../src/runtime/secret.js'
import { commandLine, rawLine } from '../../src/shell/template.js'

const line = (strings: TemplateStringsArray, ...values: unknown[]): string => commandLine(strings, values)
const raw = (strings: TemplateStringsArray, ...values: unknown[]): string => rawLine(strings, values)

test('what is interpolated is quoted: a word, words, numbers, nothing, JSON', () => {
  expect(line`rm ${'a b; reboot'}`).toBe(`rm 'a b; reboot'`)
  expect(line`cp ${['a', 'b c', 3]} ${'/dst'}`).toBe(`cp a 'b c' 3 /dst`)
  expect(line`sleep ${1.5} ${true} ${10n}`).toBe('sleep 1.5 true 10')
  expect(line`post ${{ a: [1, "it's"] }}`).toBe(`post '{"a":[1,"it'\\''s"]}'`)
  expect(line`post ${[{ a: 1 }, '']}`).toBe(`post '{"a":1}' ''`)
  expect(line`touch -d ${new Date(0)}`).toBe('touch -d 1970-01-01T00:00:00.000Z')
  expect(line`echo ${new TextEncoder().encode("it's \ufeff漢")}`).toBe(`echo 'it'\\''s \ufeff漢'`)
  expect(line`ls ${[]} x`).toBe('ls  x')
})

test('a template that is nothing but one string is the command line itself', () => {
  const command = 'systemctl status nginx | head -3'
  expect(line`${command}`).toBe(command)
  expect(line` ${command} `).toBe(command)
  expect(line`${command}${''}`).toBe(`'${command}'`)
  expect(line`${['rm', 'a b']}`).toBe(`rm 'a b'`)
})

test.each<[string, unknown]>([
  ['an empty string', ''],
  ['an empty string', '  '],
  ['null', null],
  ['undefined', undefined],
  ['an empty array', []],
])('one empty value alone is an error: %s', (what, value) => {
  expect(() => line`${value}`).toThrow(`the command is empty: the template is nothing but ${what}`)
})

test('raw quotes nothing', () => {
  expect(raw`ls ${'*.log | wc -l'} ${['a b', 'c']} ${[]}`).toBe('ls *.log | wc -l a b c ')
  expect(raw`echo "${'a b'}" '${1}' # ${true}`).toBe(`echo "a b" '1' # true`)
})

test('raw takes the text as it is written', () => {
  expect(raw`grep '\d\.\w' \$HOME "\"" \303 \u`).toBe(String.raw`grep '\d\.\w' \$HOME "\"" \303 \u`)
})

test('a secret has no place in a command', () => {
  const fault = 'is a Secret, which cannot be put into a command line'
  expect(() => line`echo ${new Secret('canary')}`).toThrow(fault)
  expect(() => line`echo ${{ deep: [new Secret('canary')] }}`).toThrow(fault)
  expect(() => line`echo ${['a', new Secret('canary')]}`).toThrow(`element 2 of value 1 of the template ${fault}`)
  expect(() => raw`echo ${new Secret('canary')}`).toThrow(fault)
})

test.each<[string, unknown]>([
  ['is undefined', undefined],
  ['is null', null],
  ['is NaN', NaN],
  ['is -Infinity', -Infinity],
  ['is a Date that is invalid', new Date(NaN)],
  ['is a function', () => 1],
  ['is a symbol', Symbol('x')],
  ['is an object of class Map', new Map()],
  ['is an object of class Error', new Error('x')],
  ['is an object of class URL', new URL('http://x/')],
  ['is an object of class ArrayBuffer', new ArrayBuffer(1)],
  ['is an array within an array', [['a']]],
  ['is a promise; await it', Promise.resolve('x')],
  ['is a promise; await it', $.ssh('web1')`uptime`],
  ['is an object whose JSON is nothing', { toJSON: () => undefined }],
  ['is an object that has no JSON', { a: 1n }],
  ['has half of a surrogate pair', 'a\ud800b'],
])('a value that %s is a TypeError that shows its place', (fault, value) => {
  const second = Array.isArray(value) ? 'element 1 of value 2' : 'value 2'
  const shown = `${second} of the template ${fault}`
  expect(() => line`rm -rf ${'a'} /srv/app/${value} x`).toThrow(shown)
  expect(() => line`rm -rf ${'a'} /srv/app/${value} x`).toThrow(TypeError)
  expect(() => line`rm -rf ${'a'} /srv/app/${value} x`).toThrow(
    `\n  rm -rf ${'${…}'} /srv/app/${'${…}'} x\n  ${' '.repeat(21)}^^^^`,
  )
  expect(() => raw`rm -rf ${'a'} /srv/app/${value} x`).toThrow(shown)
  // Within an array as well; a hole in one reads as undefined.
  if (!Array.isArray(value))
    expect(() => line`rm -rf ${['a', value]}`).toThrow(`element 2 of value 1 of the template ${fault}`)
})

test('a hole in an array is as undefined as it reads', () => {
  expect(() => line`set ${['a', , 'b']}`).toThrow('element 2 of value 1 of the template is undefined')
})

test('an empty array is an empty list of words, but not a part of a word', () => {
  const none: string[] = []
  const fault = 'value 1 of the template is an empty array, and part of a word'
  expect(line`ls ${none}; (ls ${none})`).toBe('ls ; (ls )')
  expect(() => line`rm -rf /srv/app/${none}`).toThrow(fault)
  expect(() => line`rm -rf ${none}/x`).toThrow(fault)
  expect(() => line`rm -rf ${none}${'x'}`).toThrow(fault)
  expect(() => line`rm -rf ""${none}`).toThrow(fault)
  expect(() => line`date > ${none} x`).toThrow('is an empty array, and the target of a redirection')
  expect(() => raw`rm -rf /srv/app/${none}`).toThrow(fault)
  expect(() => raw`rm -rf ${none}/x`).toThrow(fault)
})

test.each<[string, () => string, string]>([
  ['single quotes', () => line`echo '${'x'}'`, `echo '${'${…}'}'`],
  ['double quotes', () => line`echo "user: ${'x'}"`, `echo "user: ${'${…}'}"`],
  ['backquotes', () => line`echo \`cat ${'x'}\``, `echo \`cat ${'${…}'}\``],
  ['a comment', () => line`ls\necho # ${'x'}\nls`, `  echo # ${'${…}'}`],
  ['a here-document', () => line`cat <<E\n- ${'x'}\nE`, `  - ${'${…}'}`],
  ['arithmetic, where a text is code', () => line`echo $((1 + ${'x'}))`, `echo $((1 + ${'${…}'}))`],
  ['behind a $', () => line`echo $${'x'}`, 'echo $${…}'],
  ['behind a backslash', () => line`echo \\${'x'}`, 'echo \\${…}'],
])('a value in the wrong place is a TypeError that shows it: %s', (what, command, shown) => {
  expect(command).toThrow(TypeError)
  expect(command).toThrow(/^value 1 of the template /)
  expect(command).toThrow(what.split(',')[0])
  expect(command).toThrow(shown)
  expect(command).toThrow(/\n {2,}\^{4}$/)
})

test('the message of a wrong place says what to do', () => {
  expect(() => line`echo '${'x'}'`).toThrow('drop the quotes around it: every value is quoted already')
  expect(() => line`echo "${'x'}"`).toThrow('drop the quotes around it: every value is quoted already')
  expect(() => line`echo \`cat ${'x'}\``).toThrow('write $(…) in place of them')
  expect(() => line`cat <<E\n${'x'}\nE`).toThrow('pass the text by .stdin(text)')
})

test('a long template is shown cut to what is near the place', () => {
  const long = `${'a'.repeat(300)} '`
  expect(() => commandLine([long, `'${'b'.repeat(300)}`], ['x'])).toThrow(
    `\n  …${long.slice(-60)}${'${…}'}'${'b'.repeat(59)}…\n  ${' '.repeat(61)}^^^^`,
  )
  // Nothing in the template plays tricks with the terminal that shows the message.
  expect(() => commandLine(["\u001b[31m'\u0007", "'"], ['x'])).toThrow(`\n  \ufffd[31m'\ufffd${'${…}'}'\n`)
})

test('a substitution in double quotes is outside of them, and numbers are arithmetic', () => {
  expect(line`echo "$(cat ${'a b'})"`).toBe(`echo "$(cat 'a b')"`)
  expect(line`echo $((${2} * ${3n}))`).toBe('echo $((2 * 3))')
})

test('neither ssh.raw nor a whole command asks where a value stands', () => {
  expect(raw`echo '${'x'}'`).toBe("echo 'x'")
  expect(line`${"echo 'a"}`).toBe("echo 'a")
})

test('text that stands beside a value gives it no meaning', () => {
  // Without quotes: `2>f` would redirect stderr, `$HOMEx` is another variable, `{a,b,c}` is three words.
  expect(line`echo ${2}>f ${'3'}<f ${'a'}>f ${[1, 2]}>f`).toBe("echo '2'>f '3'<f a>f 1 '2'>f")
  expect(line`echo $HOME${'x'} $1${2}`).toBe("echo $HOME''x $1''2")
  expect(line`echo {a,${'b,c'}} {1..${3}} {${'1..3'}}`).toBe("echo {a,'b,c'} {1..3} {''1..3}")
})

test('an escape sequence that JavaScript does not know is an error, not a gap', () => {
  expect(() => line`printf '\303'`).toThrow('write two backslashes where the shell is to see one')
  expect(() => line`\u ${'x'}`).toThrow(TypeError)
  expect(line`printf '\\303\n' ${'x'}`).toBe("printf '\\303\n' x")
})

test('a backslash that JavaScript drops is an error that shows it', () => {
  expect(() => line`grep -E '\d+' f`).toThrow(TypeError)
  expect(() => line`grep -E '\d+' f`).toThrow(
    "the template has \\d, of which JavaScript drops the backslash: the shell would see d. Write \\\\d where the shell is to see \\d, or use ssh.raw`…`, which takes the text as it stands and quotes nothing\n  grep -E '\\d+' f",
  )
  for (const command of [
    () => line`grep '\.'`,
    () => line`echo "a \"b\" c"`,
    () => line`echo \'`,
    () => line`echo \$HOME`,
    () => line`find . \( -name a \)`,
    () => line`find . -exec ls {} \;`,
    () => line`sed 's/\s//' ${'x'}`,
    () => line`ls a\ b`,
  ])
    expect(command).toThrow('drops the backslash')
  expect(() => line`grep '\bword\b'`).toThrow('the template has \\b, of which JavaScript makes a control character')
  // Every call of one call site is told.
  for (let i = 0; i < 2; i++) expect(() => line`a\d ${'x'}`).toThrow('drops the backslash')
})

test('the backslashes that JavaScript needs stay', () => {
  expect(line`a \\d \`b\` \${b} $\{c} \n \t \x41 \u0041 \u{41} \
d ${'x'}`).toBe('a \\d `b` ${b} ${c} \n \t A A A d x')
})
