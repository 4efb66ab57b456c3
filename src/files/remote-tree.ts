/** Reads a tree on the host, which may lie about it: see `checkServerName`. */
import { each } from './flight.js'
import { kindOf, type Attributes } from './packet.js'
import { checkServerName, nameOf, show, within } from './path.js'
import type { Sftp } from './sftp.js'
import { emptyTree, ownMode, type Tree } from './tree.js'
import { Trouble } from './trouble.js'

/** How many directories are asked for at once. */
const AT_ONCE = 16
/** What no sensible directory has; without bounds a server could fill our memory. */
const MAX_ENTRIES = 1_000_000
const MAX_PATH_BYTES = 128 * 1024 * 1024
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
  const attributes = await sftp.stat(root)
  const kind = kindOf(attributes)
  if (kind === 'file' || kind === 'unknown') return { ...emptyTree(), files: [fileOf(Buffer.alloc(0), attributes)] }
  if (kind !== 'directory') throw new Trouble(`${show(root)} on the host is neither a file nor a directory`)
  return new Reading(sftp, root, follow, signal).all(attributes)
}

class Reading {
  readonly #tree = emptyTree()
  #next: Directory[] = []
  #entries = 0
  #bytes = 0

  constructor(
    private readonly sftp: Sftp,
    private readonly root: Buffer,
    private readonly follow: boolean,
    private readonly signal: AbortSignal,
  ) {}

  async all({ mode }: Attributes): Promise<Tree> {
    const { sftp, root } = this
    this.#addDirectory(Buffer.alloc(0), mode, this.follow ? [text(await sftp.realPath(root))] : [])
    for (let depth = 0; this.#next.length > 0; depth++) {
      if (depth > MAX_DEPTH)
        throw new Trouble(`${show(root)} on the host has directories in directories more than ${MAX_DEPTH} deep`)
      const level = this.#next
      this.#next = []
      await each(level, AT_ONCE, (directory) => this.#read(directory))
    }
    return this.#tree
  }

  async #read(directory: Directory): Promise<void> {
    const names = new Set<string>()
    for await (const entries of this.sftp.list(within(this.root, directory.path))) {
      this.signal.throwIfAborted()
      for (const { name, attributes } of entries) {
        const asText = text(name)
        if (asText === '.' || asText === '..') continue
        checkServerName(name, directory.path)
        // Two of one name, a link and a directory, would be a way out of the tree.
        if (names.has(asText)) throw new Trouble(`the server lists ${show(name)} twice in one directory`)
        names.add(asText)
        const path = within(directory.path, name)
        this.#count(path)
        await this.#add(directory, path, attributes)
      }
    }
  }

  #count(path: Buffer): void {
    this.#entries++
    this.#bytes += path.length
    const much =
      this.#entries > MAX_ENTRIES
        ? `${MAX_ENTRIES} entries`
        : this.#bytes > MAX_PATH_BYTES
          ? `${MAX_PATH_BYTES / 1024 / 1024} MiB of names`
          : null
    if (much !== null) throw new Trouble(`${show(this.root)} on the host has more than ${much}; take it in parts`)
  }

  /** @param real where it is in truth, when a link led there */
  async #add(
    directory: Directory,
    path: Buffer,
    attributes: Attributes,
    real = `${directory.above.at(-1) ?? ''}/${text(nameOf(path))}`,
  ): Promise<void> {
    const { sftp } = this
    const tree = this.#tree
    switch (kindOf(attributes)) {
      case 'file':
        return void tree.files.push(fileOf(path, attributes))
      case 'directory':
        return this.#addDirectory(path, attributes.mode, this.follow ? [...directory.above, real] : [])
      case 'link': {
        const full = within(this.root, path)
        if (!this.follow) {
          const leadsTo = await sftp.readLink(full)
          this.#bytes += leadsTo.length
          return void tree.links.push({ path, leadsTo })
        }
        const to = text(await sftp.realPath(full))
        const found = await sftp.stat(full)
        if (kindOf(found) === 'directory' && directory.above.includes(to))
          throw new Trouble(
            `${show(full)} on the host leads back into a directory that it is in, so that following links would not end`,
          )
        return kindOf(found) === 'link' ? void tree.skipped.push(path) : this.#add(directory, path, found, to)
      }
      case 'unknown': {
        // A server need not say what its entries are.
        const found = await sftp.lstat(within(this.root, path))
        return kindOf(found) === 'unknown'
          ? void tree.files.push(fileOf(path, found))
          : this.#add(directory, path, found)
      }
      case 'other':
        return void tree.skipped.push(path)
    }
  }

  #addDirectory(path: Buffer, mode: number | undefined, above: readonly string[]): void {
    this.#tree.directories.push({ path, mode: ownMode(mode) })
    this.#next.push({ path, above })
  }
}

function fileOf(path: Buffer, { size = 0, mode }: Attributes): Tree['files'][number] {
  return { path, size, mode: ownMode(mode) }
}

/** Every byte as one character, whatever the encoding of the name. */
function text(name: Buffer): string {
  return name.toString('latin1')
}
