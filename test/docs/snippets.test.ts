/** Every ts fence of a page type-checks against the library's source, in the strict settings of the project. */
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { fences, ROOT } from './pages.js'

const snippets = fences
  .filter(({ language }) => language === 'ts')
  .map(({ place, text }, i) => ({
    place,
    // In a place of its own below the root, so that packages resolve as for any file of the project.
    file: join(ROOT, 'test', 'docs', `snippet-${i}.ts`),
    // A snippet is a module of its own: its names are nobody else's.
    text: `${text}\nexport {}\n`,
  }))

test('snippets type-check', () => {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    ROOT,
  )
  const checked: ts.CompilerOptions = {
    ...options,
    paths: { xec: [join(ROOT, 'src', 'index.ts')] },
    verbatimModuleSyntax: false,
  }
  const host = ts.createCompilerHost(checked)
  const { getSourceFile, fileExists, readFile } = host
  const virtual = new Map(snippets.map(({ file, text }) => [file, text]))
  host.fileExists = (name) => virtual.has(name) || fileExists(name)
  host.readFile = (name) => virtual.get(name) ?? readFile(name)
  host.getSourceFile = (name, ...rest) => {
    const text = virtual.get(name)
    return text === undefined
      ? getSourceFile.call(host, name, ...rest)
      : ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS)
  }
  const program = ts.createProgram([...virtual.keys()], checked, host)
  const problems = snippets.flatMap(({ file, place }) => {
    const source = program.getSourceFile(file)
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((problem) => {
      const line = source && problem.start !== undefined ? source.getLineAndCharacterOfPosition(problem.start).line : 0
      return `${place} +${line}: ${ts.flattenDiagnosticMessageText(problem.messageText, ' ')}`
    })
  })
  expect(problems).toEqual([])
})
