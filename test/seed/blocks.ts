/** The code blocks of connection-management.md: found by section, mapped, and run as they stand. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileFunction } from 'node:vm'
import ts from 'typescript'

export interface Block {
  /** From 1, over the whole document. */
  readonly number: number
  readonly section: string
  readonly title: string
  readonly text: string
  /** Of its first line of code. */
  readonly line: number
}

const DOCUMENT = fileURLToPath(new URL('./connection-management.md', import.meta.url))

export function readBlocks(): readonly Block[] {
  const blocks: Block[] = []
  let section = ''
  let title = ''
  let open: { line: number; lines: string[] } | undefined
  readFileSync(DOCUMENT, 'utf8')
    .split('\n')
    .forEach((text, index) => {
      if (open && text.trim() === '```') {
        blocks.push({ number: blocks.length + 1, section, title, text: open.lines.join('\n'), line: open.line })
        open = undefined
      } else if (open) open.lines.push(text)
      else if (text.startsWith('```')) open = { line: index + 2, lines: [] }
      else if (text.startsWith('## ')) section = text.slice(3)
      else if (text.startsWith('### ')) title = text.slice(4)
    })
  return blocks
}

/** What a block finds around it: what `require` gives for its imports, and names that it uses without declaring them. */
export interface Surroundings {
  readonly modules: Readonly<Record<string, object>>
  readonly names: Readonly<Record<string, unknown>>
}

/** Runs a block's code to its end, and hands out what it declares at its top. */
export async function runCode(
  block: Block,
  text: string,
  { modules, names }: Surroundings,
): Promise<Record<string, unknown>> {
  const source = ts.createSourceFile('block.ts', text, ts.ScriptTarget.ES2022, true)
  const declared = source.statements.flatMap((statement) => {
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map(({ name }) => name.getText(source))
    return (ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) && statement.name
      ? [statement.name.text]
      : []
  })
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: false },
  })
  const given: Record<string, unknown> = {
    ...names,
    exports: {},
    require: (specifier: string) => {
      const found = modules[specifier]
      if (!found) throw new Error(`block ${block.number} imports ${specifier}, which the mapping does not have`)
      return found
    },
  }
  for (const name of declared) delete given[name]
  const body = `return (async () => {${outputText}\nreturn { ${declared.join(', ')} };\n})()`
  const filename = `connection-management.md#${block.number}`
  const run = compileFunction(body, Object.keys(given), { filename, lineOffset: block.line - 1 }) as (
    ...values: unknown[]
  ) => Promise<Record<string, unknown>>
  return run(...Object.values(given))
}
