/** Reads a tree on the host, which may lie about it: see `checkServerName`. */
import { each } from './flight.js'
import { kindOf, type Attributes } from './packet.js'
import { checkServerName, show, within } from './path.js'
import type { Sftp } from './sftp.js'
import { emptyTree, ownMode, type GrowingTree, type Tree } from './tree.js'
import { Trouble } from './trouble.js'

/** How many directories are asked for at once. */
const AT_ONCE = 16
/** What no sensible directory has; without a bound a server could fill our memory. */
const MAX_ENTRIES = 1_000_000
const MAX_DEPTH = 256

interface Directory {
  readonly path: Buffer
  /** Where it and those it is in are in truth, when links are followed. */
  readonly above: readonly string[]
}

/**
 * @param root a link there is followed in any case
 * @throws Refusal, SessionOver; Trouble for names that are none, a loop of links, or a root that cannot be copied
 */
export async function readRemoteTree(sftp: Sftp, root: Buffer, follow: boolean, signal: AbortSignal): Promise<Tree> {
  const tree = emptyTree()
  const attributes = await sftp.stat(root)
  const kind = kindOf(attributes)
  if (kind === 'file' || kind === 'unknown') tree.files.push(fileOf(Buffer.alloc(0), attributes))
  else if (kind !== 'directory') throw new Trouble(`${show(root)} on the host is neither a file nor a directory`)
  else {
    tree.directories.push({ path: Buffer.alloc(0), mode: ownMode(attributes.mode) })
    const real = follow ? [(await sftp.realPath(root)).toString('latin1')] : []
    for (let level: Directory[] = [{ path: Buffer.alloc(0), above: real }], depth = 0; level.length > 0; depth++) {
      if (depth > MAX_DEPTH) throw new Trouble(`${show(root)} on the host has directories in directories more than ${MAX_DEPTH} deep`)
      const next: Directory[] = []
      await each(level, AT_ONCE, (directory) => readDirectory(sftp, tree, root, directory, follow, signal, next))
      level = next
    }
  }
  return tree
}

async function readDirectory(sftp: Sftp, tree: GrowingTree, root: Buffer, directory: Directory, follow: boolean, signal: AbortSignal, next: Directory[]): Promise<void> {
  const names = new Set<string>()
  for await (const entries of sftp.list(within(root, directory.path))) {
    signal.throwIfAborted()
    for (const { name, attributes } of entries) {
      const asText = name.toString('latin1')
      if (asText === '.' || asText === '..') continue
      checkServerName(name, directory.path)
      // Two of one name, a link and a directory, would be a way out of the tree.
      if (names.has(asText)) throw new Trouble(`the server lists ${show(name)} twice in one directory`)
      names.add(asText)
      const path = within(directory.path, name)
      if (tree.files.length + tree.directories.length + tree.links.length + tree.skipped.length >= MAX_ENTRIES) throw new Trouble(`${show(root)} on the host has more than ${MAX_ENTRIES} entries; take it in parts`)
      await add(path, attributes, [])
    }
  }

  async function add(path: Buffer, attributes: Attributes, real: readonly string[]): Promise<void> {
    switch (kindOf(attributes)) {
      case 'file':
        return void tree.files.push(fileOf(path, attributes))
      case 'directory':
        tree.directories.push({ path, mode: ownMode(attributes.mode) })
        return void next.push({ path, above: follow ? [...directory.above, ...(real.length > 0 ? real : [`${directory.above.at(-1) ?? ''}/${path.subarray(path.lastIndexOf(0x2f) + 1).toString('latin1')}`])] : [] })
      case 'link': {
        const full = within(root, path)
        if (!follow) return void tree.links.push({ path, leadsTo: await sftp.readLink(full) })
        const to = (await sftp.realPath(full)).toString('latin1')
        const found = await sftp.stat(full)
        if (kindOf(found) === 'directory' && directory.above.includes(to)) throw new Trouble(`${show(full)} on the host leads back into a directory that it is in, so that following links would not end`)
        return kindOf(found) === 'link' ? void tree.skipped.push(path) : add(path, found, [to])
      }
      case 'unknown': {
        // A server need not say what its entries are.
        const found = await sftp.lstat(within(root, path))
        return kindOf(found) === 'unknown' ? void tree.files.push(fileOf(path, found)) : add(path, found, [])
      }
      case 'other':
        return void tree.skipped.push(path)
    }
  }
}

function fileOf(path: Buffer, { size = 0, mode }: Attributes): Tree['files'][number] {
  return { path, size, mode: ownMode(mode) }
}
