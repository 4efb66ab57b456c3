/** docs/api.md, made from the types and docstrings of everything that the package exports. */
import { join, relative } from 'node:path'
import ts from 'typescript'
import { ROOT } from './pages.js'

const INTRO = `# API reference

Everything that \`xec\` exports, made from the types: names, types, defaults, units, errors. [library.md](library.md) tells how it is used. Made by \`XEC_UPDATE_DOCS=1 npx vitest run test/docs/api.test.ts\`; a test keeps it as the types are.
`

export function apiReference(): string {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
    ts.sys,
    ROOT,
  )
  const index = join(ROOT, 'src', 'index.ts')
  const program = ts.createProgram([index], options)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(index)
  const module = source && checker.getSymbolAtLocation(source)
  if (!module) throw new Error('src/index.ts exports nothing')
  const sections = checker.getExportsOfModule(module).map((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    return {
      name: exported.name,
      text: sectionOf(exported.name, symbol, checker),
      mentions: mentionsOf(symbol, checker),
    }
  })
  const named = new Set(sections.map(({ name }) => name))
  const missing = sections.flatMap(({ name, mentions }) =>
    mentions
      .filter((mention) => !named.has(mention) && !UNEXPLAINED.has(mention))
      .map((mention) => `${name} names ${mention}`),
  )
  if (missing.length > 0)
    throw new Error(`the package exports no such type, so the reference has no heading for it: ${missing.join('; ')}`)
  const order = (name: string): string => (name === '$' ? '' : name.toLowerCase())
  sections.sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1))
  return `${INTRO}\n${sections.map(({ text }) => text).join('\n')}`
}

/** Types of ours that signatures name and no program needs to write: ports for tests, and the inside of a lease. */
const UNEXPLAINED: ReadonlySet<string> = new Set([
  'SSHAdapterPorts',
  'Clock',
  'Prompt',
  'Random',
  'Transport',
  'XecErrorOptions',
  'CaptureStore',
  'Lease',
  'Target',
])

/** The types of our own that the public signatures of something name. */
function mentionsOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
  const found = new Set<string>()
  const look = (node: ts.Node): void => {
    if (ts.isBlock(node) || isInternal(node) || (ts.isClassElement(node) && !isPublic(node))) return
    if (ts.isPropertyDeclaration(node) && node.initializer) return void (node.type && look(node.type))
    if (ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node)) {
      const at = checker.getSymbolAtLocation(ts.isTypeReferenceNode(node) ? node.typeName : node.expression)
      const type = at && at.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(at) : at
      const [declaration] = type?.declarations ?? []
      if (
        type &&
        declaration &&
        !ts.isTypeParameterDeclaration(declaration) &&
        declaration.getSourceFile().fileName.startsWith(join(ROOT, 'src'))
      )
        found.add(type.name)
    }
    ts.forEachChild(node, look)
  }
  for (const declaration of symbol.declarations ?? []) if (!ts.isVariableDeclaration(declaration)) look(declaration)
  return [...found]
}

function sectionOf(name: string, symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const [declaration] = symbol.declarations ?? []
  if (!declaration) throw new Error(`${name} is declared nowhere`)
  // Not a link: the package has the page, and not the source.
  const file = relative(ROOT, declaration.getSourceFile().fileName)
  const head = `## ${name}\n${kindOf(declaration)} · \`${file}\`\n`
  const doc = docOf(symbol, checker)
  return [head, doc && `${doc}\n`, bodyOf(symbol, declaration, checker)].filter(Boolean).join('\n')
}

function kindOf(node: ts.Declaration): string {
  if (ts.isClassDeclaration(node))
    return node.heritageClauses
      ? `class, ${code(node.heritageClauses.map((clause) => oneLine(clause.getText())).join(' '))}`
      : 'class'
  if (ts.isInterfaceDeclaration(node))
    return node.heritageClauses
      ? `interface, ${code(node.heritageClauses.map((clause) => oneLine(clause.getText())).join(' '))}`
      : 'interface'
  if (ts.isFunctionDeclaration(node)) return 'function'
  return ts.isTypeAliasDeclaration(node) ? 'type' : 'value'
}

function bodyOf(symbol: ts.Symbol, node: ts.Declaration, checker: ts.TypeChecker): string {
  if (ts.isFunctionDeclaration(node)) return `${code(signatureText(node))}\n`
  if (ts.isTypeAliasDeclaration(node))
    return ts.isTypeLiteralNode(node.type)
      ? table(node.type.members, checker)
      : `${code(oneLine(node.type.getText()))}\n`
  if (ts.isInterfaceDeclaration(node)) return table(node.members, checker)
  if (ts.isClassDeclaration(node)) return table(node.members.filter(isPublic), checker)
  const type = checker
    .typeToString(checker.getTypeOfSymbolAtLocation(symbol, node), node, ts.TypeFormatFlags.NoTruncation)
    .replace(/import\("[^"]*"\)\./g, '')
  return `${code(type.length > 300 ? `${type.slice(0, 299)}…` : type)}\n`
}

/** What the declarations of the package leave out (tsconfig.build.json, stripInternal). */
function isInternal(node: ts.Node): boolean {
  return ts.getJSDocTags(node).some(({ tagName }) => tagName.text === 'internal')
}

function isPublic(member: ts.ClassElement): boolean {
  const modifiers = ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : []
  const hidden = modifiers.some(
    ({ kind }) => kind === ts.SyntaxKind.PrivateKeyword || kind === ts.SyntaxKind.ProtectedKeyword,
  )
  return !hidden && !(member.name && ts.isPrivateIdentifier(member.name)) && !ts.isClassStaticBlockDeclaration(member)
}

function table(members: Iterable<ts.TypeElement | ts.ClassElement>, checker: ts.TypeChecker): string {
  const rows = [...members]
    .filter((member) => !member.name?.getText().includes('Symbol.toStringTag') && !isInternal(member))
    .map((member) => {
      const symbol = member.name && checker.getSymbolAtLocation(member.name)
      const signature = symbol ? undefined : checker.getSignatureFromDeclaration(member as ts.SignatureDeclaration)
      // What a class takes over from Promise is explained elsewhere.
      const inherited = ts.isClassElement(member) && ts.getJSDocCommentsAndTags(member).length === 0
      const doc = inherited
        ? ''
        : symbol
          ? docOf(symbol, checker)
          : ts.displayPartsToString(signature?.getDocumentationComment(checker))
      return `| ${cell(code(signatureText(member)))} | ${cell(doc)} |`
    })
  return rows.length === 0 ? '' : `| member | |\n|---|---|\n${rows.join('\n')}\n`
}

/** The declaration without its body, modifiers and comments. */
function signatureText(node: ts.Node): string {
  const { body, initializer } = node as { body?: ts.Node; initializer?: ts.Node }
  const end = body ?? (ts.isPropertyDeclaration(node) ? initializer : undefined)
  const text = node.getText().slice(0, end ? end.getStart() - node.getStart() : undefined)
  return oneLine(text)
    .replace(/^(export |declare |override |readonly |async )+/, '')
    .replace(/[=;,]?\s*$/, '')
}

function oneLine(text: string): string {
  return (
    text
      .replace(/\/\*[^]*?\*\//g, '')
      .replace(/\/\/.*$/gm, '')
      // The formatter ends a line where a member ends; in one line it takes a semicolon.
      .replace(/([^\s{;,|&(<[])\n\s*(?=(?:readonly )?\w+\??[:(])/g, '$1; ')
      .replace(/\s+/g, ' ')
      .replace(/([([<]) (?:\| )?/g, '$1')
      .replace(/,? ([)\]>])/g, '$1')
      .trim()
  )
}

function docOf(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const said = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  const tags = symbol.getJsDocTags(checker).map(({ name, text }) => {
    const words = ts.displayPartsToString(text)
    return name === 'throws'
      ? `**Throws** ${words}`
      : name === 'param'
        ? code(words.split(' ')[0] ?? '') + words.slice((words.split(' ')[0] ?? '').length)
        : name === 'returns'
          ? `**Returns** ${words}`
          : `*${name}* ${words}`
  })
  return [said, tags.map((tag) => `- ${tag}`).join('\n')].filter(Boolean).join('\n\n')
}

function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}

function cell(text: string): string {
  return text
    .replace(/\n+- /g, '<br>')
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('|', '\\|')
}
