/**
 * The house's order, read from every import of src: rooms import lower rooms, or their own; nothing goes in circles;
 * a package has one home. docs/design/README.md says what each room is for.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

/** From the ground up; a file belongs to the room with the longest matching path. */
const ROOMS: readonly (readonly string[])[] = [
  ['errors.ts'],
  ['runtime'],
  ['openssh'],
  ['transport'],
  ['pool'],
  ['adapter'],
  ['inventory', 'run', 'stats', 'tunnel', 'files'],
  ['config', 'records'],
  ['xec.ts'],
  ['shell'],
  ['ssh-adapter.ts'],
  ['index.ts'],
  ['demo'],
  ['cli'],
  ['cli/commands'],
  ['cli/commands.ts'],
  ['cli/main.ts'],
]

/** Who may import a package of npm. Everything else is Node's own. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  ssh2: ['transport', 'demo'],
  'bcrypt-pbkdf': ['openssh/key-cipher.ts'],
  yaml: ['inventory', 'config'],
  cosmiconfig: ['config/load.ts'],
  commander: ['cli'],
  listr2: ['cli/output'],
  chalk: ['cli'],
  diff: ['cli/output/diff.ts'],
}

interface Import {
  readonly from: string
  readonly to: string
  /** Gone when the program runs. */
  readonly onlyType: boolean
  /** Loaded when it is needed. */
  readonly lazy: boolean
}

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SRC, join(entry.parentPath, entry.name)))
const imports = files.flatMap((from) => importsOf(from, readFileSync(join(SRC, from), 'utf8')))
const inner = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((found): Import => ({ ...found, to: posix.join(posix.dirname(found.from), found.to).replace(/\.js$/, '.ts') }))
const outer = imports.filter(({ to }) => !to.startsWith('.') && !to.startsWith('node:'))

/** Static and dynamic imports and re-exports. */
function importsOf(name: string, text: string): Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    const literal =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) &&
            (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require')
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined
    if (literal && ts.isStringLiteral(literal)) {
      const onlyType =
        ts.isImportTypeNode(node) ||
        (ts.isImportDeclaration(node) && node.importClause?.isTypeOnly === true) ||
        (ts.isExportDeclaration(node) && node.isTypeOnly)
      found.push({ from: name, to: literal.text, onlyType, lazy: ts.isCallExpression(node) })
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true))
  return found
}

const isIn = (file: string, room: string): boolean => file === room || file.startsWith(`${room}/`)

function roomOf(file: string): { readonly name: string; readonly rank: number } {
  const found = ROOMS.flatMap((names, rank) => names.filter((name) => isIn(file, name)).map((name) => ({ name, rank })))
  const best = found.sort((a, b) => b.name.length - a.name.length)[0]
  if (!best) throw new Error(`src/${file} is in no room; give it one in test/architecture.test.ts`)
  return best
}

describe('the order of the house', () => {
  test('there is something to look at', () => {
    expect(inner.length).toBeGreaterThan(300)
    expect(new Set(outer.map(({ to }) => to.split('/')[0]))).toEqual(new Set(Object.keys(HOMES)))
  })

  test('every import names a file that exists', () => {
    expect(inner.filter(({ to }) => !statSync(join(SRC, to), { throwIfNoEntry: false }))).toEqual([])
  })

  test('imports go down, or stay in the room', () => {
    const wrong = inner.filter(({ from, to }) => {
      const [here, there] = [roomOf(from), roomOf(to)]
      return here.name !== there.name && there.rank >= here.rank
    })
    expect(wrong).toEqual([])
  })

  test('no file reaches itself again, not even by a type', () => {
    const next = new Map<string, string[]>()
    for (const { from, to } of inner) next.set(from, [...(next.get(from) ?? []), to])
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      else if (!done.has(file)) for (const to of next.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(circles).toEqual([])
  })

  test('a package is imported in its home only', () => {
    const wrong = outer.filter(
      ({ from, to }) => !(HOMES[to.split('/')[0] ?? ''] ?? []).some((home) => isIn(from, home)),
    )
    expect(wrong).toEqual([])
  })

  test('the library loads no package when it is imported', () => {
    const loaded = new Set(['index.ts'])
    for (const file of loaded)
      for (const { from, to, onlyType, lazy } of inner) if (from === file && !onlyType && !lazy) loaded.add(to)
    expect(loaded.size).toBeGreaterThan(80)
    expect(outer.filter(({ from, onlyType, lazy }) => loaded.has(from) && !onlyType && !lazy)).toEqual([])
  })

  test('the only code outside src is bin/xec.js, which loads the command line', () => {
    expect(importsOf('xec.js', readFileSync(join(SRC, '../bin/xec.js'), 'utf8')).map(({ to }) => to)).toEqual([
      '../dist/cli/main.js',
    ])
  })
})

describe('the pool', () => {
  const read = (file: string): string => readFileSync(join(SRC, file), 'utf8')
  const pool = files.filter((file) => isIn(file, 'pool'))

  test('the policy imports nothing but itself, and its views are types', () => {
    const wrong = inner.filter(
      ({ from, to, onlyType }) =>
        isIn(from, 'pool/policy') && !isIn(to, 'pool/policy') && !(from === 'pool/policy/view.ts' && onlyType),
    )
    expect(wrong).toEqual([])
  })

  test('only pool/state writes a field of the state', () => {
    const written = pool.filter((file) => !isIn(file, 'pool/state')).flatMap((file) => writesOf(file, read(file)))
    expect(written).toEqual([])
    // The rule finds what it is for: the writers are full of such writes.
    expect(writesOf('dials.ts', read('pool/state/dials.ts')).length).toBeGreaterThan(10)
  })

  test('what holds the writable fields is imported in pool/state only', () => {
    const records = ['connection', 'queue', 'endpoint', 'waiter', 'live', 'places', 'dependants', 'waitlists']
    const wrong = inner.filter(
      ({ from, to }) => !isIn(from, 'pool/state') && records.some((name) => to === `pool/state/${name}.ts`),
    )
    expect(wrong).toEqual([])
  })
})

/** Assignments to a field of something other than \`this\`. What stands in \`this\` is the file's own. */
function writesOf(name: string, text: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const written =
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
      node.operatorToken.kind <= ts.SyntaxKind.LastAssignment
        ? node.left
        : (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) &&
            (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken)
          ? node.operand
          : ts.isDeleteExpression(node)
            ? node.expression
            : undefined
    if (written && ts.isPropertyAccessExpression(written) && written.expression.kind !== ts.SyntaxKind.ThisKeyword)
      found.push(`${name}: ${node.getText()}`)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true))
  return found
}
