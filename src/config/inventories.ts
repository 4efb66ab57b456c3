/** The inventories of other tools, in the order in which they count: of several, the earlier wins. */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { XecError } from '../errors.js'
import { circleOf } from '../inventory/group-circle.js'
import { makeInventory, type Group, type Inventory } from '../inventory/inventory.js'
import type { CommandSurroundings } from '../inventory/sources/command.js'
import { loadSource, type InventorySpec, type SourceSurroundings } from '../inventory/sources/load.js'
import { mergeSources } from '../inventory/sources/merge.js'
import type { Source } from '../inventory/sources/source.js'
import { othersMayWrite } from '../runtime/file-trust.js'

/** @throws XecError XEC_CONFIG with the file and line of what is wrong */
export async function loadSpecs(specs: readonly InventorySpec[], around: SourceSurroundings): Promise<Source> {
  const sources: Source[] = []
  for (const spec of specs) sources.push(await loadSource(spec, around))
  return withSecretWarnings(mergeSources(sources))
}

/** Those that the user named: a program among them runs when nobody else can write to it. */
export async function loadNamed(files: readonly string[], cwd: string, around: CommandSurroundings): Promise<Source> {
  const sources: Source[] = []
  for (const given of files) {
    const file = resolve(cwd, given)
    const mayRun = async (): Promise<string | null> => {
      const fault = othersMayWrite(file, await stat(file))
      return fault === undefined ? null : `a program must be yours or root's alone: ${fault}`
    }
    sources.push(await loadSource({ kind: undefined, file, place: `--inventory ${given}` }, { ...around, mayRun }))
  }
  return withSecretWarnings(mergeSources(sources))
}

/** A source alone as an inventory. @throws XecError XEC_CONFIG for a circle of groups */
export function inventoryOf(source: Source): { readonly inventory: Inventory; readonly warnings: readonly string[] } {
  const circle = circleOf(source.groups)
  if (circle) throw new XecError('XEC_CONFIG', `a circle of groups: ${circle.join(' → ')}; a group cannot be in itself`)
  const groups = [...source.groups].map(([name, group]): [string, Group] => [name, { name, ...group, settings: {} }])
  return { inventory: makeInventory(source.hosts, new Map(groups), {}), warnings: source.warnings }
}

async function withSecretWarnings(source: Source): Promise<Source> {
  const warnings = [...source.warnings]
  for (const file of source.secretFiles) {
    const found = await stat(file).catch(() => undefined)
    if (found?.isFile() && (found.mode & 0o077) !== 0)
      warnings.push(`${file} holds a password and can be read by others: chmod 600 it, or use a key`)
  }
  return { ...source, warnings }
}
