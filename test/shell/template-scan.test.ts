import { expect, test } from 'vitest'
import { scanTemplate, type PlaceKind } from '../../src/shell/template-scan.js'

/** Where the interpolations of a template stand; `@` is one. */
const kinds = (template: string): PlaceKind[] => scanTemplate(template.split('@')).map(({ kind }) => kind)

test.each<[string, string, PlaceKind[]]>([
  ['a word', 'echo @', ['word']],
  ['glued to text', '--name=@.txt', ['word']],
  ['beside quotes', `'a'@"b"`, ['word']],
  ['single quotes', `echo '@'`, ['single quotes']],
  ['double quotes', `echo "a @"`, ['double quotes']],
  ["bash's $'…', where a backslash escapes", `echo $'a\\'@'`, ['single quotes']],
  ['a backslash in single quotes is none', `echo '\\' @`, ['word']],
  ['an escaped quote opens nothing', `echo \\' @ \\" @`, ['word', 'word']],
  ['an escaped quote in double quotes closes nothing', `echo "\\"@"`, ['double quotes']],
  ['a substitution in double quotes', `echo "$(cmd @)"`, ['word']],
  ['quotes in a substitution in double quotes', `echo "$(cmd '@')"`, ['single quotes']],
  ['behind a substitution in double quotes', `echo "$(cmd "x)") @"`, ['double quotes']],
  ['substitutions in one another', `echo "$(a "$(b @)" @)" @`, ['word', 'word', 'word']],
  ['backquotes', 'echo `cmd @` @', ['backquotes', 'word']],
  ['an escaped backquote in backquotes', 'echo `a \\`b\\` @` @', ['backquotes', 'word']],
  ['a comment', 'echo a # it@\necho @', ['comment', 'word']],
  ['a quote in a comment', "# it's\necho @", ['word']],
  ['# within a word', 'echo a#@', ['word']],
  ['# behind a line continuation', 'echo a \\\n# @', ['comment']],
  ['# joined to a word by a line continuation', 'echo a\\\n# @', ['word']],
  ['a comment in a substitution', 'echo $(a # )@\n) @', ['comment', 'word']],
  ['# behind an operator', 'a;#@', ['comment']],
  ['$# is no comment', 'echo $# @ ${#a} @', ['word', 'word']],
  ['a here-document', 'cat <<E\n@\nE\necho @', ['here-document', 'word']],
  ['a here-document with a quoted end', `cat <<'E'\nit's @\nE\necho @`, ['here-document', 'word']],
  ['the line of a here-document', 'cat <<E @\nE\necho @', ['word', 'word']],
  ['a here-document with tabs', "cat <<-E\n\tit's\n\tE\necho @", ['word']],
  ['tabs before the end word without the dash', 'cat <<E\n\tE\n@\nE', ['here-document']],
  ['two here-documents in a line', `cat <<A <<"B"\n'\nA\n"\nB\necho @`, ['word']],
  ['a line that only begins with the end word', 'cat <<E\nEE @\nE', ['here-document']],
  ['the end word with an interpolation behind it', 'cat <<E\nE@\nE', ['here-document']],
  ['an end word joined to the line before it', 'cat <<E\na\\\nE\n@\nE\n', ['here-document']],
  ['a substitution in a here-document', 'cat <<E\n$(cmd @)\nE', ['here-document']],
  ['the end word of a here-document', 'cat <<@\nx\n', ['delimiter']],
  ['a here-document in a substitution', 'echo "$(cat <<E\n)"\nE\n) @"', ['double quotes']],
  ['a here-string', 'cat <<<@', ['word']],
  ['a default', 'echo ${a:-@} ${a#@}', ['word', 'word']],
  ['a default in double quotes', 'echo "${a:-@}"', ['double quotes']],
  ['a quote in a default in double quotes', `echo "\${a:-'}" @`, ['word']],
  ['a quote in a pattern in double quotes', `echo "\${a#'}'}" @`, ['word']],
  ['a brace in quotes of a default', `echo \${a:-'}'@} @`, ['word', 'word']],
  ['a parameter in a default', 'echo ${a:-${b:-x}@} @', ['word', 'word']],
  ['the name of a parameter', 'echo ${@} ${@:-x}', ['name', 'name']],
  ["bash's offsets", 'echo ${a:@:2}', ['arithmetic']],
  ["bash's subscripts", 'echo ${a[@]}', ['arithmetic']],
  ['arithmetic', 'echo $((@ + (1))) @', ['arithmetic', 'word']],
  ['arithmetic with a shift', 'echo $((1<<2))\necho @', ['word']],
  ['a substitution in arithmetic', 'echo $((1 + $(cmd @)))', ['word']],
  ['subshells that look like arithmetic', 'echo $((a);(b @))', ['word']],
  ["bash's arithmetic command", '((@ > 1)) && echo @', ['arithmetic', 'word']],
  ['two subshells', '((a); (b @)); echo @', ['word', 'word']],
  ['a case in a substitution', 'echo "$(case @ in a) b @;; (c|d) e;; esac; f @)" @', ['word', 'word', 'word', 'word']],
  ['a case that ends without ;;', 'echo $(case a in b) c; esac) @', ['word']],
  ['a case over several lines', 'echo $(case a\nin\nb)\nc\n;;\n*) d ;; esac) @', ['word']],
  ['a case in a loop', 'echo $(for f in a; do case $f in b) c;; esac; done) @', ['word']],
  ['a case in a function', 'echo $(f() { case a in b) c;; esac; }; f) @', ['word']],
  ['case as an argument', 'echo $(echo case a in) @', ['word']],
  ['an array of bash', 'a=(case b in) @', ['word']],
  ['behind a $', 'echo $@', ['dollar']],
  ['behind an escaped $', 'echo \\$@', ['word']],
  ['behind $$', 'echo $$@', ['word']],
  ['behind a backslash', 'echo \\@', ['backslash']],
  ['behind two backslashes', 'echo \\\\@', ['word']],
  ['behind quotes that are never closed', "echo 'a @", ['single quotes']],
])('%s', (_, template, expected) => {
  expect(kinds(template)).toEqual(expected)
})

test('what stands beside an interpolation is known', () => {
  const [glued, alone, target, name, braces, both, other] = scanTemplate('a@ @ >@ $x@ {a,@} @@'.split('@'))
  expect(glued).toMatchObject({ glued: true })
  expect(alone).toMatchObject({ glued: false, target: false, afterName: false, inBraces: false })
  expect(target).toMatchObject({ glued: false, target: true })
  expect(name).toMatchObject({ glued: true, afterName: true })
  expect(braces).toMatchObject({ glued: true, inBraces: true })
  expect([both?.glued, other?.glued]).toEqual([true, true])
})

test('a template is read in a time that grows with its length, however it is nested', () => {
  // Each of these was read twice by a reader that tries arithmetic first and remembers nothing: 2^60 times.
  expect(kinds(`${'$(( $( '.repeat(60)}@`)).toEqual(['word'])
  expect(kinds(`${'"$('.repeat(60)}@${')"'.repeat(60)} @`)).toEqual(['word', 'word'])
})
