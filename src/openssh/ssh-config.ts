/**
 * ssh_config(5) as a value: parsed files in, a question that can be asked of any host out. No IO; ssh-config-load.ts reads the files.
 * What holds: the first value wins, identity files add up, a `Host` or `Match` line ends the block before it,
 * and what an Include brings in applies only where the Include itself does.
 */
import { isIP } from 'node:net'
import { XecError } from '../errors.js'
import type { Block } from './config-blocks.js'
import type { SshHostOptions } from './host-options.js'
import { addsUp, didYouMean, keywordOf, refusalOf, type Said } from './keywords.js'
import { judgeMatch, namesHost, namesLiterally, wantsFinal, type Asked, type Criteria } from './match.js'
import { hasWildcard, matchPatterns } from './pattern.js'
import { connectionHash, expandForShell, MATCH_EXEC_TOKENS } from './shell-tokens.js'
import { expand, type Surroundings, type Tokens } from './tokens.js'

export type { SshHostOptions } from './host-options.js'
export { parseSshOption, sshOptionWarning } from './ssh-option.js'

/** What was said about a host outside ssh_config (flags, inventory). */
export interface GivenOptions {
  /** Stand for %r and %p. */
  readonly user?: string
  readonly port?: number
  /** From `-o`: they win over the files, their identity files stand in place of the files', their `~`, variables and tokens are expanded. */
  readonly options?: SshHostOptions
  /** Whether each command of `Match exec` that was run ended with status 0. Default: none was run. @see MatchCommands */
  readonly met?: ReadonlyMap<string, boolean>
}

/** A command of `Match exec` that must be run before there is an answer. */
export interface MatchExec {
  /** For the user's shell, tokens expanded. */
  readonly command: string
  /** `file:line`, for messages. */
  readonly where: string
}

/** A value that cannot be honoured for the host. */
export interface Refusal {
  readonly option: keyof SshHostOptions
  /** With its file and line, and what to do. */
  readonly problem: string
}

export interface SshAnswer {
  /** Run this and ask again: the rest of the answer is void. */
  asks?: MatchExec
  options: SshHostOptions
  warnings: readonly string[]
  /** Where each option is said: `file:line`, or `-o`. */
  places: { readonly [K in keyof SshHostOptions]?: string }
  /** What forbids to dial the host, unless something above ssh_config lifts it. */
  refusals: readonly Refusal[]
}

export interface SshConfig {
  /**
   * Options for a host as the user named it, with the given user and port from elsewhere for tokens.
   * Holds only what the files (and `given.options`) say, never a default. A warning is the same text for every host it concerns.
   * @throws XecError XEC_CONFIG with file:line, for a token or a variable that has no value.
   */
  resolve(name: string, given?: GivenOptions): SshAnswer
  /**
   * A Host line (case counts, as in ssh), `Match host` or `Match originalhost` has a pattern for it that is more than
   * `*` and `?`.
   */
  names(name: string): boolean
  /** The names that Host lines have without a wildcard: for globs, and for suggestions. */
  readonly hosts: readonly string[]
}

/**
 * Joins parsed files, in the order of their precedence, into one question.
 * @param notes warnings about the files themselves; given with every answer.
 */
export function sshConfig(files: readonly Block[][], around: Surroundings, notes: readonly string[] = []): SshConfig {
  const literal = new Set<string>()
  for (const file of files) collectNames(file, () => true, literal)
  return {
    hosts: [...literal],
    names: (name) => literal.has(name) || files.some((file) => namesIt(file, name)),
    resolve: (name, given = {}) => resolve(files, around, notes, name, given),
  }
}

function collectNames(blocks: readonly Block[], reachable: (name: string) => boolean, into: Set<string>): void {
  for (const { applies, statements } of blocks) {
    // What a Match block brings in may be there for some hosts only; all alone is there for every one.
    if (applies.kind === 'match' && !alwaysMet(applies.criteria)) continue
    const here = (name: string): boolean =>
      reachable(name) && (applies.kind !== 'host' || matchPatterns(name, applies.patterns) === 'match')
    if (applies.kind === 'host') {
      for (const name of applies.patterns) if (!name.startsWith('!') && !hasWildcard(name) && here(name)) into.add(name)
    }
    for (const statement of statements)
      if (statement.kind === 'include') for (const file of statement.files) collectNames(file, here, into)
  }
}

function alwaysMet(criteria: Criteria): boolean {
  return criteria.every(({ name, negated }) => name === 'all' && !negated)
}

/** Whether a Host or Match line of the blocks, or of what they include for it, is about a name. */
function namesIt(blocks: readonly Block[], name: string): boolean {
  return blocks.some(({ applies, statements }) => {
    if (applies.kind === 'host' && matchPatterns(name, applies.patterns) !== 'match') return false
    if (applies.kind === 'host' && namesLiterally(name, applies.patterns)) return true
    if (applies.kind === 'match') {
      if (namesHost(applies.criteria, name)) return true
      if (!alwaysMet(applies.criteria)) return false
    }
    return statements.some(
      (statement) => statement.kind === 'include' && statement.files.some((file) => namesIt(file, name)),
    )
  })
}

/** Where something was said that stands in no file. */
const GIVEN = '-o'

interface Value {
  readonly value: SshHostOptions[keyof SshHostOptions]
  readonly where: string
}

/** What is found while the files are read from top to bottom for one host. */
class Answer {
  readonly values = new Map<keyof SshHostOptions, Value>()
  readonly identities: Value[] = []
  readonly warnings = new Set<string>()
  readonly #unsupported = new Set<string>()
  #ignoreUnknown: readonly string[] | undefined

  /** In the second reading: the address that the first one came to. */
  #final: string | null = null
  /** Set when a command must be run before there is an answer: the rest is not read. */
  asks: MatchExec | undefined

  constructor(
    readonly name: string,
    readonly given: GivenOptions,
    readonly around: Surroundings,
  ) {}

  readAll(files: readonly Block[][]): void {
    for (const file of files) this.#read(file)
    if (!files.some((file) => file.some(asksForFinal))) return
    this.#final = this.#host.toLowerCase()
    for (const file of files) this.#read(file)
  }

  #read(blocks: readonly Block[]): void {
    for (const block of blocks) {
      const { applies } = block
      // The second reading is of the address, for Host lines, too (ssh.c).
      if (applies.kind === 'host' && matchPatterns(this.#final ?? this.name, applies.patterns) !== 'match') continue
      if (applies.kind === 'match') {
        const judged = judgeMatch(applies.criteria, this.#askedIn(block))
        if (judged === 'unsupported' && matters(block))
          this.warnings.add(
            `${block.place.file}:${block.place.line}: this Match block is skipped, because not all of its criteria are supported`,
          )
        if (judged !== 'match') continue
      }
      for (const statement of block.statements) {
        if (this.asks) return
        if (statement.kind === 'include') for (const file of statement.files) this.#read(file)
        else this.hear(statement.said, statement.written, `${statement.place.file}:${statement.place.line}`)
      }
    }
  }

  #said(option: keyof SshHostOptions): string | undefined {
    const value = this.values.get(option)?.value
    return value === undefined ? undefined : String(value)
  }

  /** The address, as far as it is known where reading stands. */
  get #host(): string {
    return (
      this.#said('hostName')?.replace(/%([%h])/g, (_, letter: string) => (letter === 'h' ? this.name : '%')) ??
      this.name
    )
  }

  #askedIn(block: Block): Asked {
    const { given, around } = this
    const user = given.user ?? this.#said('user') ?? around.localUser
    const host = this.#final ?? this.#host
    return {
      host,
      originalHost: this.name,
      user,
      localUser: around.localUser,
      final: this.#final !== null,
      tag: this.#said('tag') ?? '',
      localAddresses: around.localAddresses ?? (() => []),
      exec: (written) => this.#exec(written, block, host, user),
    }
  }

  /** What is known of a command; one that nobody has run yet ends the reading. */
  #exec(written: string, { place, distrust }: Block, host: string, user: string): boolean | undefined {
    if (this.asks) return undefined
    const where = `${place.file}:${place.line}`
    const { given, around } = this
    try {
      if (distrust !== null) throw new Error(`is not run from this file: ${distrust}`)
      const tokens = tokensOf(this.name, host, {
        user,
        port: given.port ?? this.#said('port') ?? 22,
        alias: this.#said('hostKeyAlias')?.toLowerCase() ?? host,
        jump: this.#said('proxyJump'),
        around,
      })
      const command = expandForShell(written, MATCH_EXEC_TOKENS, tokens)
      const met = given.met?.get(command)
      if (met === undefined) this.asks = { command, where }
      return met
    } catch (error) {
      throw new XecError('XEC_CONFIG', `${where}: Match exec ${(error as Error).message}`, {
        cause: error,
        host: this.name,
      })
    }
  }

  hear(said: Said, written: string, where: string): void {
    switch (said.kind) {
      case 'option':
        // The second reading is of an address that is settled.
        if (said.value === undefined || (said.option === 'hostName' && this.#final !== null)) return
        if (said.option === 'identityFiles') {
          // Unlike ssh: who names a key wants to know whether that one is let in.
          if (where === GIVEN || this.identities[0]?.where !== GIVEN) this.identities.push({ value: said.value, where })
        } else if (addsUp(said.option)) {
          const before = this.values.get(said.option)
          const value = [...((before?.value ?? []) as readonly string[]), ...(said.value as readonly string[])]
          this.values.set(said.option, { value, where: before?.where ?? where })
        } else if (!this.values.has(said.option) && !this.#isShutOut(said.option)) {
          this.values.set(said.option, { value: said.value, where })
          if (said.note) this.warnings.add(`${where}: ${written} ${said.note}`)
        }
        return
      case 'unsupported':
        if (this.#unsupported.has(said.keyword)) return
        this.#unsupported.add(said.keyword)
        if (said.set) this.warnings.add(`${where}: ${said.keyword} ${said.why}`)
        return
      case 'ignoreUnknown':
        this.#ignoreUnknown ??= said.patterns
        return
      case 'unknown':
        if (matchPatterns(written.toLowerCase(), this.#ignoreUnknown ?? []) !== 'match')
          this.warnings.add(`${where}: unknown keyword ${written} is ignored${didYouMean(written)}`)
        return
      case 'ignored':
    }
  }

  /** ProxyCommand and ProxyJump compete: the first shuts the other out (ssh_config(5)); but not `ProxyJump none`. */
  #isShutOut(option: keyof SshHostOptions): boolean {
    if (option === 'proxyJump') return this.values.has('proxyCommand')
    return option === 'proxyCommand' && (this.#said('proxyJump') ?? 'none') !== 'none'
  }
}

function asksForFinal({ applies, statements }: Block): boolean {
  return (
    (applies.kind === 'match' && wantsFinal(applies.criteria)) ||
    statements.some(
      (statement) => statement.kind === 'include' && statement.files.some((file) => file.some(asksForFinal)),
    )
  )
}

/** Whether leaving a block out can change anything that xec would do. */
function matters(block: Block): boolean {
  return block.statements.some((statement) =>
    statement.kind === 'include'
      ? statement.files.some((file) => file.some(matters))
      : statement.said.kind === 'option' || (statement.said.kind === 'unsupported' && statement.said.set),
  )
}

function resolve(
  files: readonly Block[][],
  around: Surroundings,
  notes: readonly string[],
  name: string,
  given: GivenOptions,
): SshAnswer {
  const answer = new Answer(name, given, around)
  for (const [option, value] of Object.entries(given.options ?? {}) as [keyof SshHostOptions, Value['value']][]) {
    answer.hear({ kind: 'option', option, value }, keywordOf(option), GIVEN)
  }
  answer.readAll(files)
  if (answer.asks) return { asks: answer.asks, options: {}, warnings: [], places: {}, refusals: [] }

  const options: SshHostOptions = {}
  const set = (option: keyof SshHostOptions, value: Value['value']): void =>
    void Object.assign(options, { [option]: value })
  const expanded = (option: keyof SshHostOptions, { value, where }: Value, tokens: Tokens): Value['value'] => {
    const expandOne = (text: string): string => {
      try {
        return expand(option, text, tokens, around)
      } catch (error) {
        throw new XecError('XEC_CONFIG', `${where}: ${keywordOf(option)} ${(error as Error).message}`, {
          cause: error,
          host: name,
        })
      }
    }
    return typeof value === 'string'
      ? expandOne(value)
      : Array.isArray(value)
        ? value.map(String).map(expandOne)
        : value
  }

  const hostName = answer.values.get('hostName')
  if (hostName) {
    const address = String(expanded('hostName', hostName, { h: name }))
    set('hostName', isIP(address) ? address : address.toLowerCase())
  }
  const host = options.hostName ?? (isIP(name) ? name : name.toLowerCase())
  const said = <T>(option: keyof SshHostOptions): T | undefined => answer.values.get(option)?.value as T | undefined
  const alias = said<string>('hostKeyAlias')?.toLowerCase()
  const tokens = tokensOf(name, host, {
    user: given.user ?? said<string>('user') ?? around.localUser,
    port: given.port ?? said<number>('port') ?? 22,
    alias: alias ?? name,
    jump: said<string>('proxyJump'),
    around,
  })
  for (const [option, value] of answer.values) {
    if (option !== 'hostName') set(option, expanded(option, value, tokens))
  }
  // To ssh, 0 is no timeout of its own: the line has won, and leaves the caller's default.
  if (options.connectTimeoutMs === 0) delete options.connectTimeoutMs
  if (alias !== undefined) set('hostKeyAlias', alias)
  if (options.identityAgent !== undefined) set('identityAgent', agentOf(options.identityAgent, around.env))
  if (answer.identities.length > 0) {
    const paths = answer.identities.flatMap((value) => expanded('identityFiles', value, tokens) as string[])
    set(
      'identityFiles',
      [...new Set(paths)].filter((path) => path.toLowerCase() !== 'none'),
    )
  }
  const places = Object.fromEntries([...answer.values].map(([option, { where }]) => [option, where]))
  return {
    options,
    places,
    refusals: [...answer.values].flatMap(([option, { value, where }]) => {
      const why = refusalOf(option, value)
      return why === undefined ? [] : [{ option, problem: `${where}: ${keywordOf(option)} ${why}` }]
    }),
    warnings: [...notes, ...answer.warnings],
  }
}

function tokensOf(
  name: string,
  host: string,
  known: {
    readonly user: string
    readonly port: number | string
    readonly alias: string
    readonly jump: string | undefined
    readonly around: Surroundings
  },
): Tokens {
  const { user, port, alias, jump, around } = known
  const tokens: Tokens = {
    h: host,
    n: name,
    d: around.home,
    u: around.localUser,
    i: String(around.uid),
    j: jump === undefined || jump === 'none' ? '' : jump,
    k: alias,
    r: user,
    p: String(port),
    l: around.localHost,
    L: around.localHost.split('.')[0] ?? '',
  }
  return { ...tokens, C: connectionHash(tokens) }
}

/** IdentityAgent's older form `$NAME`: the socket is in that variable; unset, there is no agent. */
function agentOf(value: string, env: Surroundings['env']): string {
  return /^\$[A-Za-z_]\w*$/.test(value) ? env[value.slice(1)] || 'none' : value
}
