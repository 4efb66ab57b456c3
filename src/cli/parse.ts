/** From what follows a command's name to its options, operands and words; or to its help. Built on commander from the options table. */
import { Command, CommanderError, Option } from 'commander'
import { XecError } from '../errors.js'
import {
  checkPoolOption,
  POOL_OPTIONS,
  POOL_OPTION_NAMES,
  type PoolOptionName,
  type PoolOptions,
} from '../pool/options.js'
import { splitArgv } from './argv.js'
import type { CommandSpec, Invocation } from './command.js'
import { flagsOf, nameOf, optionSpec, POOL_SETTINGS, type OptionName, type OptionValues } from './options.js'
import { readValue, usage } from './values.js'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Reads a command's part of argv, then the variables of the options that were not given.
 * @returns the invocation, or the help text that was asked for
 * @throws XecError XEC_CONFIG for an unknown option, a missing or bad value, or words where none belong
 */
export function parseCommand(
  spec: CommandSpec,
  argv: readonly string[],
  env: Env,
): Invocation | { readonly help: string } {
  const values: Record<string, unknown> = {}
  let help = ''
  const command = commandOf(spec, values)
  command
    .allowExcessArguments()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        help += text
      },
      writeErr: () => {},
      outputError: () => {},
    })

  const valued = new Set(
    spec.options
      .map(optionSpec)
      .flatMap(({ short, long, value, kind }) => (value === undefined || kind === 'mode' ? [] : [short, long])),
  )
  const known = new Set(spec.options.map(optionSpec).flatMap(({ short, long }) => [short, long]))
  const { options, operands, words } = splitArgv(
    argv,
    (option) => valued.has(option),
    spec.operands,
    (word) => known.has(word),
  )
  try {
    command.parse(options, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.code === 'commander.helpDisplayed') return { help }
    throw usage(`${inOurWords(error.message)}; see xec ${spec.name} --help`)
  }
  // `-1` looks like a number to commander, which takes it for an operand.
  if (command.args[0] !== undefined) throw usage(`unknown option '${command.args[0]}'; see xec ${spec.name} --help`)
  if (!spec.words && words.length > 0) throw usage(`xec ${spec.name} takes no ${words[0]}; see xec ${spec.name} --help`)
  const { output } = values
  if (values['json'] === true && typeof output === 'string' && output !== 'json')
    throw usage(`--json and --output ${output} contradict each other`)

  const fromEnv = new Set<OptionName>()
  for (const name of spec.options) {
    const option = optionSpec(name)
    const text = option.env === null ? undefined : env[option.env]
    if (values[name] !== undefined || option.env === null || text === undefined || text === '') continue
    values[name] = readValue(option.kind, option.env, text, option)
    fromEnv.add(name)
  }
  return { options: values, fromEnv, operands, words }
}

/** What commander says of `--tiemout`: error: unknown option '--tiemout'\n(Did you mean --timeout?) */
function inOurWords(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
    .replaceAll('\n', ' ')
}

/** The commander command of a spec; what it reads goes to `values` by the table's names. */
function commandOf(spec: CommandSpec, values: Record<string, unknown>): Command {
  const command = new Command(`xec ${spec.name}`)
    .usage(spec.usage)
    .description(spec.summary)
    .helpOption('-h, --help', 'this text')
  command.configureHelp({ helpWidth: 100, styleTitle: (title) => title })
  for (const name of spec.options) {
    const option = optionSpec(name)
    const take = (text: string | undefined): void => {
      values[name] = merged(name, values[name], text)
    }
    const made = new Option(flagsOf(option), helpOf(option)).argParser(take).helpGroup(`${option.topic}:`)
    command.addOption(option.kind === 'mode' ? made.preset(option.bare) : made)
    if (option.kind === 'switch' || option.kind === 'mode') {
      command.addOption(
        new Option(`--no-${option.long?.slice(2)}`)
          .argParser(() => {
            values[name] = option.kind === 'mode' ? 'off' : false
          })
          .hideHelp(),
      )
    }
  }
  return command.addHelpText('after', examplesOf(spec) + variablesOf(spec))
}

/** One more occurrence of an option: lists add up, levels count, of the rest the last wins. */
function merged(name: OptionName, before: unknown, text: string | undefined): unknown {
  const option = optionSpec(name)
  switch (option.kind) {
    case 'flag':
    case 'switch':
      return true
    case 'level':
      return ((before as number | undefined) ?? 0) + 1
    case 'list':
      return [...((before as string[] | undefined) ?? []), ...readValue('list', nameOf(option), text ?? '')]
    case 'count':
    case 'port':
    case 'duration':
    case 'text':
    case 'choice':
    case 'mode':
      return readValue(option.kind, nameOf(option), text ?? '', option)
  }
}

function helpOf(option: ReturnType<typeof optionSpec>): string {
  return option.default === undefined ? option.doc : `${option.doc} (default: ${option.default})`
}

function examplesOf({ examples }: CommandSpec): string {
  const width = Math.max(...examples.map(([line]) => line.length))
  // An example longer than a terminal is wide gets its explanation on a line of its own.
  const rows = examples.map(([line, what]) =>
    width > 60 ? `  # ${what}\n  ${line}` : `  ${line.padEnd(width)}  # ${what}`,
  )
  return `\nExamples:\n${rows.join('\n')}\n`
}

function variablesOf({ options }: CommandSpec): string {
  const names = options.flatMap((name) => optionSpec(name).env ?? [])
  return names.length === 0 ? '' : `\nVariables in place of flags:\n  ${wrap(names, 96).join('\n  ')}\n`
}

function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length + 1 <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/**
 * The pool options that flags and variables set; the rest is left to the configuration.
 * @throws XecError XEC_CONFIG for a variable that is not usable
 */
export function poolOptionsOf(options: OptionValues, env: Env): Partial<PoolOptions> {
  const found: Partial<Record<PoolOptionName, number | boolean>> = {}
  for (const name of POOL_OPTION_NAMES) {
    const setting = POOL_SETTINGS[name]
    if ('flag' in setting) {
      const value = options[setting.flag]
      if (typeof value === 'number') found[name] = value
      continue
    }
    const text = env[setting.env]
    if (text === undefined || text === '') continue
    const { kind, min } = POOL_OPTIONS[name]
    const value = readValue(kind === 'boolean' ? 'switch' : kind, setting.env, text, { min })
    const problem = checkPoolOption(name, value)
    if (problem !== undefined) throw new XecError('XEC_CONFIG', `${setting.env}: ${problem}`)
    found[name] = value
  }
  return found as Partial<PoolOptions>
}
