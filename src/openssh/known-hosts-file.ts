/** The known_hosts files on disk: read once for as long as they stay the same, and written here only. */
import { constants } from 'node:fs'
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { messageOf } from '../errors.js'
import { shortageOf } from '../runtime/shortage.js'
import {
  algorithmsFor,
  isRecordable,
  judge,
  KnownHostsIndex,
  knownLine,
  knownName,
  type KnownLine,
  type Verdict,
} from './known-hosts.js'

/** transport.ts's HostKeyPolicy fits. Paths are absolute (`~` expanded). */
export interface KnownHostsFiles {
  /** New keys are written to the first. */
  readonly userFiles: readonly string[]
  readonly globalFiles: readonly string[]
  readonly alias: string | null
}

export interface Recorded {
  /** What held just before writing: `changed` or `revoked` when another first contact was quicker, and then the connection must be refused. */
  readonly verdict: Verdict
  readonly written: boolean
  /** Why a new key could not be written. The connection may go on, as ssh's does. */
  readonly warning?: string
}

/** One host, looked up in its files. */
export interface KnownHost {
  /** The name that is looked up and recorded: lower case, `[host]:port` unless 22, or the alias. */
  readonly name: string
  /** Host-key algorithms to put first, from the keys on file (an RSA key: rsa-sha2-512, rsa-sha2-256); empty when none is known. */
  readonly knownTypes: readonly string[]
  /** Files that are there and could not be read. */
  readonly warnings: readonly string[]
  /** Synchronous, for the middle of a handshake; sees what this process has recorded since the look-up. */
  verdict(keyBlob: Buffer): Verdict
  /** Records a new key; to be called once the server has proved that it holds it. Never rejects. */
  record(keyBlob: Buffer): Promise<Recorded>
}

/** OpenSSH's defaults for UserKnownHostsFile and GlobalKnownHostsFile. */
export function defaultUserKnownHosts(home: string): string[] {
  return [join(home, '.ssh', 'known_hosts'), join(home, '.ssh', 'known_hosts2')]
}
export const DEFAULT_GLOBAL_KNOWN_HOSTS: readonly string[] = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']

interface Loaded {
  readonly index: KnownHostsIndex
  /** What the file was like when it was read: size, mtime, inode. Null: not to be kept. */
  stamp: string | null
  /** When it was known to be so, on a count of readings and writings: a slow reading must not replace a newer one. */
  asOf: number
  readonly warning?: string
}

/** One per process: it serialises the writers, so that parallel first contacts of one host leave one line. */
export class KnownHosts {
  readonly #loaded = new Map<string, Loaded>()
  readonly #loading = new Map<string, Promise<void>>()
  readonly #writing = new Map<string, Promise<unknown>>()
  /** Keys that could not be written: they hold for this process, or each contact would be the first. */
  readonly #unwritten = new Map<string, KnownHostsIndex>()
  #count = 0

  /** @param parse how a file's text becomes an index; a test counts how often it is needed. */
  constructor(
    private readonly parse = (file: string, text: string): KnownHostsIndex => new KnownHostsIndex(file, text),
  ) {}

  /**
   * Reads what has changed on disk since the last look-up. A file that cannot be read is a warning. Rejects only when this
   * process has no descriptor left to read it with: its keys would count as new.
   */
  lookup(files: KnownHostsFiles, address: string, port: number): Promise<KnownHost> {
    return this.#lookup(files, address, port, false)
  }

  /** @param fresh not satisfied with a reading that began before this call: it may have missed the last writer's line. */
  async #lookup(files: KnownHostsFiles, address: string, port: number, fresh: boolean): Promise<KnownHost> {
    await this.#load(files, fresh)
    return this.#answer(files, address, port)
  }

  /** From what is in memory. */
  #answer(files: KnownHostsFiles, address: string, port: number): KnownHost {
    const name = knownName(address, port, files.alias)
    const portless = files.alias === null && port !== 22 ? knownName(address, 22) : null
    const lines = (key: string): KnownLine[] => this.#indexes(files).flatMap((index) => index.matches(key))
    return {
      name,
      // As ssh: the lines without the port have a say in the verdict, and none in what is asked for.
      knownTypes: algorithmsFor(lines(name)),
      warnings: [...files.userFiles, ...files.globalFiles].flatMap((file) => this.#loaded.get(file)?.warning ?? []),
      verdict: (keyBlob) => judge(keyBlob, lines(name), portless === null ? [] : lines(portless)),
      record: (keyBlob) => this.#record(files, address, port, keyBlob),
    }
  }

  async #record(files: KnownHostsFiles, address: string, port: number, keyBlob: Buffer): Promise<Recorded> {
    const [file] = files.userFiles
    return this.#exclusively(file ?? '', async () => {
      const host = await this.#lookup(files, address, port, true).catch((error: unknown) => {
        if (shortageOf(error) === undefined) throw error
        return this.#answer(files, address, port)
      })
      const verdict = host.verdict(keyBlob)
      if (verdict.kind !== 'new' || file === undefined) return { verdict, written: false }
      if (!isRecordable(host.name))
        return {
          verdict,
          written: false,
          warning: `the host key of ${host.name} is not recorded: such a name cannot stand in ${file}`,
        }
      try {
        await this.#append(file, host.name, keyBlob)
        return { verdict, written: true }
      } catch (error) {
        let index = this.#unwritten.get(file)
        if (!index) this.#unwritten.set(file, (index = new KnownHostsIndex(`${file} (not written, this process only)`)))
        index.append(knownLine(host.name, keyBlob), host.name)
        return {
          verdict,
          written: false,
          warning: `the host key of ${host.name} could not be added to ${file}: ${messageOf(error)}`,
        }
      }
    })
  }

  /** One write to a file opened for appending, so that lines of other processes stay whole. */
  async #append(file: string, name: string, keyBlob: Buffer): Promise<void> {
    const handle = await openToAppend(file)
    try {
      const before = await handle.stat({ bigint: true })
      const last = Buffer.alloc(1, '\n')
      if (before.isFile() && before.size > 0n) await handle.read(last, 0, 1, Number(before.size) - 1)
      const loaded = this.#loaded.get(file)
      const line = knownLine(name, keyBlob, loaded?.index.prefersHashes)
      const bytes = Buffer.from(`${last.toString() === '\n' ? '' : '\n'}${line}\n`)
      const { bytesWritten } = await handle.write(bytes)
      if (bytesWritten !== bytes.length) throw new Error(`only ${bytesWritten} of ${bytes.length} bytes were written`)
      const after = await handle.stat({ bigint: true })
      // When nobody else has written meanwhile, what is in memory and the new line are the file: no need to read 10 000 lines again.
      if (loaded && loaded.stamp === stampOf(before) && after.size === before.size + BigInt(bytes.length)) {
        loaded.index.append(line, name)
        loaded.stamp = stampOf(after)
        loaded.asOf = ++this.#count
        return
      }
    } finally {
      await handle.close()
    }
    await this.#read(file)
  }

  #exclusively<T>(file: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#writing.get(file) ?? Promise.resolve()).then(work)
    const settled = turn.then(
      () => undefined,
      () => undefined,
    )
    this.#writing.set(file, settled)
    void settled.then(() => {
      if (this.#writing.get(file) === settled) this.#writing.delete(file)
    })
    return turn
  }

  async #load(files: KnownHostsFiles, fresh: boolean): Promise<void> {
    await Promise.all(
      [...files.userFiles, ...files.globalFiles].map((file) => {
        if (fresh) return this.#read(file)
        let loading = this.#loading.get(file)
        if (!loading) {
          loading = this.#read(file).finally(() => this.#loading.delete(file))
          this.#loading.set(file, loading)
        }
        return loading
      }),
    )
  }

  /** What is in memory now, which may be newer than any one look-up. */
  #indexes({ userFiles, globalFiles }: KnownHostsFiles): KnownHostsIndex[] {
    const loaded = [...userFiles, ...globalFiles].flatMap((file) => this.#loaded.get(file)?.index ?? [])
    return [...loaded, ...userFiles.flatMap((file) => this.#unwritten.get(file) ?? [])]
  }

  async #read(file: string): Promise<void> {
    const asOf = ++this.#count
    const before = this.#loaded.get(file)
    const loaded = await this.#fromDisk(file, before, asOf)
    const now = this.#loaded.get(file)
    if (!now || now.asOf <= asOf) {
      loaded.asOf = asOf
      this.#loaded.set(file, loaded)
    }
  }

  async #fromDisk(file: string, before: Loaded | undefined, asOf: number): Promise<Loaded> {
    try {
      if (before && before.stamp !== null && before.stamp === stampOf(await stat(file, { bigint: true }))) return before
      // Without O_NONBLOCK, opening a pipe waits for its writer.
      const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
      try {
        // The stamp is taken first: a change during the reading shows as a difference next time.
        const found = await handle.stat({ bigint: true })
        if (!found.isFile()) return { index: new KnownHostsIndex(file), stamp: null, asOf }
        return { index: this.parse(file, await handle.readFile('utf8')), stamp: stampOf(found), asOf }
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (shortageOf(error) !== undefined) throw error
      const { code } = error as NodeJS.ErrnoException
      const missing = code === 'ENOENT' || code === 'ENOTDIR'
      return {
        index: new KnownHostsIndex(file),
        stamp: null,
        asOf,
        ...(missing ? {} : { warning: `cannot read ${file}: ${messageOf(error)}` }),
      }
    }
  }
}

/** Makes the directory (`~/.ssh`) when only that is missing. */
async function openToAppend(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'a+', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await mkdir(dirname(file), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  return open(file, 'a+', 0o600)
}

function stampOf({ size, mtimeNs, ino }: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${size}:${mtimeNs}:${ino}`
}
