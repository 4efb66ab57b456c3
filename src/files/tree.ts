/** What there is to transfer: the parts of a directory, by their paths in it. */

export interface TreeFile {
  /** From the root of the tree; empty when the tree is one file. */
  readonly path: Buffer
  readonly size: number
  /** Permissions; undefined when they are not known. */
  readonly mode: number | undefined
}

export interface Tree {
  /** Each after the one that it is in; the root, with an empty path, is the first. None when the tree is one file. */
  readonly directories: readonly { readonly path: Buffer; readonly mode: number | undefined }[]
  readonly files: readonly TreeFile[]
  readonly links: readonly { readonly path: Buffer; readonly leadsTo: Buffer }[]
  readonly skipped: readonly Buffer[]
}

/** A tree that is being read. */
export interface GrowingTree {
  readonly directories: Tree['directories'][number][]
  readonly files: TreeFile[]
  readonly links: Tree['links'][number][]
  readonly skipped: Buffer[]
}

export function emptyTree(): GrowingTree {
  return { directories: [], files: [], links: [], skipped: [] }
}

/** What a copy is given of a source's permissions: not the right to run as somebody else. */
export function ownMode(mode: number | undefined): number | undefined {
  return mode === undefined ? undefined : mode & 0o777
}

/** The same directories by depth, the root first: those of one depth do not need each other. */
export function byDepth(tree: Tree): Tree['directories'][] {
  const levels: Tree['directories'][number][][] = []
  for (const directory of tree.directories) {
    const depth = directory.path.length === 0 ? 0 : 1 + directory.path.filter((byte) => byte === 0x2f).length
    ;(levels[depth] ??= []).push(directory)
  }
  return levels
}
