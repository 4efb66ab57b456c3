/** The files of an Ansible inventory: one file or a directory of them, with the group_vars and host_vars beside. */
import { readdir, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { messageOf } from '../../errors.js'
import { readBounded } from '../../runtime/read-file.js'
import { readAnsibleIni } from './ansible-ini.js'
import { AnsibleModel, type VariableFiles } from './ansible-model.js'
import { hostOfVariables, type AnsibleHost } from './ansible-settings.js'
import { VAULT_HEADER, type Variable, type Variables } from './ansible-values.js'
import { readAnsibleYaml } from './ansible-yaml.js'
import { faultAt, type Source } from './source.js'
import { readYamlMap } from './yaml-text.js'

const LARGEST_BYTES = 100_000_000
/** What a directory may hold besides inventories: INVENTORY_IGNORE_EXTS of Ansible. */
const IGNORED =
  /^\.|^host_vars$|^group_vars$|^vars_plugins$|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.ini|\.cfg|\.retry)$/
const VARIABLE_EXTENSIONS = ['', '.yml', '.yaml', '.json']

/** @throws XecError XEC_CONFIG `file:line: …` */
export async function readAnsible(path: string): Promise<Source> {
  const model = new AnsibleModel()
  const warnings: string[] = []
  const isDirectory = (await stat(path)).isDirectory()
  if (isDirectory) {
    const files = await inventoriesIn(path)
    if (files.length === 0)
      throw faultAt(path, 'no inventory is in this directory: Ansible reads no .ini, .cfg, .txt or .md of a directory')
    for (const file of files) warnings.push(...(await readInventory(file, model)))
  } else warnings.push(...(await readInventory(path, model)))
  const base = isDirectory ? path : dirname(path)
  const files = await variableFiles(base, model, warnings)
  return sourceOf(model, files, warnings)
}

/** The model as a source; hosts with the same variables share their settings. */
export function sourceOf(model: AnsibleModel, files: VariableFiles, warnings: readonly string[] = []): Source {
  const { hosts, groups } = model.finish(files)
  const known = new Map<Variables, AnsibleHost>()
  const notes = new Set(warnings)
  const secretFiles = new Set<string>()
  const settings = [...hosts].map(([name, vars]) => {
    let host = known.get(vars)
    if (!host) known.set(vars, (host = hostOfVariables(vars)))
    for (const warning of host.warnings) notes.add(warning)
    if (host.secretPlace !== undefined) secretFiles.add(host.secretPlace.replace(/:\d+$/, ''))
    return [name, Object.freeze(host.settings)] as const
  })
  return { hosts: new Map(settings), groups, warnings: [...notes], secretFiles }
}

async function inventoriesIn(directory: string): Promise<string[]> {
  const found: string[] = []
  for (const name of (await readdir(directory)).sort()) {
    if (IGNORED.test(name)) continue
    const path = join(directory, name)
    found.push(...((await stat(path)).isDirectory() ? await inventoriesIn(path) : [path]))
  }
  return found
}

/** YAML by its extension or its beginning; everything else is INI. */
async function readInventory(file: string, model: AnsibleModel): Promise<string[]> {
  const text = await textOf(file)
  if (text.startsWith(VAULT_HEADER)) throw faultAt(file, 'it is encrypted with ansible-vault, which xec does not open')
  if (text.startsWith('#!') && ((await stat(file)).mode & 0o111) !== 0)
    throw faultAt(file, `it is a program; say inventory: { command: [${file}, --list] }`)
  if (/\.(?:ya?ml|json)$/.test(file) || /^\s*(?:#.*\n\s*)*(?:---|\{|[\w-]+:\s*(?:#.*)?\n)/.test(text))
    return readAnsibleYaml(file, text, model)
  readAnsibleIni(file, text, model)
  return []
}

async function textOf(file: string): Promise<string> {
  try {
    const text = (await readBounded(file, { largest: LARGEST_BYTES })).bytes.toString('utf8')
    if (text.includes('\uFFFD')) throw new Error('it is not UTF-8; save it as UTF-8')
    return text.startsWith('\uFEFF') ? text.slice(1) : text
  } catch (error) {
    throw faultAt(file, messageOf(error), error)
  }
}

async function variableFiles(base: string, model: AnsibleModel, warnings: string[]): Promise<VariableFiles> {
  const groups = new Map<string, Variables>()
  for (const name of await presentIn(join(base, 'group_vars'), (each) => model.hasGroup(each)))
    groups.set(name, await variablesOf(join(base, 'group_vars', name), warnings))
  const hosts = new Map<string, Variables>()
  for (const name of await presentIn(join(base, 'host_vars'), (each) => model.hasHost(each)))
    hosts.set(name, await variablesOf(join(base, 'host_vars', name), warnings))
  return { group: (name) => groups.get(name), host: (name) => hosts.get(name) }
}

/** The names that files of a directory are for. A directory that is not there holds none. */
async function presentIn(directory: string, isKnown: (name: string) => boolean): Promise<Set<string>> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw faultAt(directory, messageOf(error), error)
  })
  return new Set(
    entries.flatMap((entry) =>
      VARIABLE_EXTENSIONS.filter((extension) => entry.endsWith(extension))
        .map((extension) => entry.slice(0, entry.length - extension.length))
        .filter(isKnown),
    ),
  )
}

/** The first of NAME (a file, or a directory of files), NAME.yml, NAME.yaml and NAME.json, as Ansible looks for them. */
async function variablesOf(path: string, warnings: string[]): Promise<Variables> {
  const variables = new Map<string, Variable>()
  for (const extension of VARIABLE_EXTENSIONS) {
    const file = path + extension
    const found = await stat(file).catch(() => undefined)
    if (!found) continue
    for (const each of found.isDirectory() ? await filesIn(file) : [file])
      for (const [name, variable] of await readVariables(each, warnings)) variables.set(name, variable)
    break
  }
  return variables
}

async function filesIn(directory: string): Promise<string[]> {
  const found: string[] = []
  for (const name of (await readdir(directory)).sort()) {
    if (name.startsWith('.') || name.endsWith('~')) continue
    const path = join(directory, name)
    const extension = extname(name)
    const stats = await stat(path)
    if (stats.isDirectory()) found.push(...(extension === '' ? await filesIn(path) : []))
    else if (stats.isFile() && VARIABLE_EXTENSIONS.includes(extension)) found.push(path)
  }
  return found
}

/** A file that is encrypted as a whole is passed over: what refers to its variables is a template, and a fault there. */
async function readVariables(file: string, warnings: string[]): Promise<Variables> {
  const text = await textOf(file)
  if (text.startsWith(VAULT_HEADER)) {
    warnings.push(`${file} is encrypted with ansible-vault, and its variables are not read`)
    return new Map()
  }
  return new Map([...(readYamlMap(file, text) ?? [])].map(([name, value]) => [name, value.variable]))
}
