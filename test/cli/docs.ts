/** The option tables of docs/cli.md, made from the tables that the command line itself uses. Pure. */
import { POOL_OPTIONS, POOL_OPTION_NAMES } from '../../src/pool/options.js'
import { COMMANDS } from '../../src/cli/commands.js'
import { OPTIONS, optionSpec, POOL_SETTINGS, type OptionName, type OptionSpec } from '../../src/cli/options.js'

const BLOCK = /<!-- generated: (\w+) -->\n[\s\S]*?<!-- end -->/g

/** The document with every generated block made anew. @throws Error for a block that nobody makes */
export function withGenerated(document: string): string {
  return document.replaceAll(BLOCK, (_, name: string) => {
    const make = Object.hasOwn(BLOCKS, name) ? BLOCKS[name] : undefined
    if (!make) throw new Error(`no generated block is called ${name}`)
    return `<!-- generated: ${name} -->\n${make().join('\n')}\n<!-- end -->`
  })
}

const BLOCKS: Readonly<Record<string, () => string[]>> = {
  commands: () => [
    '| command | what it does |',
    '|---|---|',
    ...COMMANDS.map(({ name, usage, summary }) => `| \`${cell(`xec ${name} ${usage}`.trim())}\` | ${cell(summary)} |`),
  ],
  options: () => [
    '| option | meaning | default | variable | commands |',
    '|---|---|---|---|---|',
    ...(Object.keys(OPTIONS) as OptionName[]).map(optionRow),
  ],
  pool: () => [
    '| option of `pool:` | variable |',
    '|---|---|',
    ...POOL_OPTION_NAMES.map((name) => {
      const setting = POOL_SETTINGS[name]
      const variable = 'flag' in setting ? optionSpec(setting.flag).env : setting.env
      return `| \`${name}\`: ${cell(POOL_OPTIONS[name].doc)} | \`${variable ?? ''}\` |`
    }),
  ],
}

function optionRow(name: OptionName): string {
  const option = optionSpec(name)
  const commands = COMMANDS.filter(({ options }) => options.includes(name)).map((command) => command.name)
  return `| ${flagsOf(option)} | ${cell(option.doc)} | ${cell(option.default ?? '')} | ${option.env === null ? '' : `\`${option.env}\``} | ${commands.join(', ')} |`
}

function flagsOf({ short, long, value, kind }: OptionSpec): string {
  const names = [short, long].filter((name) => name !== undefined)
  const written = value === undefined ? '' : kind === 'mode' ? `[=${value}]` : ` ${value}`
  const flags = names.map((name, at) => `${name}${at === names.length - 1 ? written : ''}`)
  if (kind === 'switch' || kind === 'mode') flags.push(`--no-${long?.slice(2)}`)
  return flags.map((flag) => `\`${cell(flag)}\``).join(' ')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
