/** Reads a tree here. */
import { lstat, readdir, readlink, stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { show, within } from './path.js'
import { emptyTree, ownMode, type GrowingTree, type Tree } from './tree.js'
import { Trouble } from './trouble.js'

/**
 * @param root a link here is followed in any case
 * @throws Trouble for a loop of links, or a root that cannot be copied; what the file system says
 */
export async function readLocalTree(root: Buffer, follow: boolean): Promise<Tree> {
  const tree = emptyTree()
  const found = await stat(root, { bigint: true })
  if (!found.isFile() && !found.isDirectory()) throw new Trouble(`${show(root)} is neither a file nor a directory`)
  await add(tree, root, Buffer.alloc(0), found, follow, [])
  return tree
}

async function add(
  tree: GrowingTree,
  root: Buffer,
  path: Buffer,
  found: BigIntStats,
  follow: boolean,
  above: readonly string[],
): Promise<void> {
  const mode = ownMode(Number(found.mode))
  if (found.isFile()) tree.files.push({ path, size: Number(found.size), mode })
  else if (found.isSymbolicLink()) tree.links.push({ path, leadsTo: await readlink(within(root, path), 'buffer') })
  else if (!found.isDirectory()) tree.skipped.push(path)
  else {
    const identity = `${found.dev}:${found.ino}`
    if (above.includes(identity))
      throw new Trouble(
        `${show(within(root, path))} leads back into a directory that it is in, so that following links would not end`,
      )
    tree.directories.push({ path, mode })
    for (const name of await readdir(within(root, path), 'buffer')) {
      const inner = within(path, name)
      await add(tree, root, inner, await (follow ? stat : lstat)(within(root, inner), { bigint: true }), follow, [
        ...above,
        identity,
      ])
    }
  }
}
