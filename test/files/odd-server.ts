/** An SSH server whose SFTP answers what the test says; ssh2's own server half speaks the protocol. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import ssh2 from 'ssh2'

type Sftp = ssh2.SFTPWrapper
const { STATUS_CODE } = ssh2.utils.sftp

export const FILE = 0o100644
export const DIRECTORY = 0o040755
export const LINK = 0o120777

export interface OddFile {
  readonly mode: number
  readonly content?: Buffer
  /** What the server says the size is; default the truth. */
  readonly size?: number
}

export interface OddOptions {
  /** What is listed in a directory, by name; `null` names keep their order and may repeat. */
  readonly list: (path: string) => readonly (readonly [string, OddFile])[]
  readonly files?: Map<string, OddFile>
  /** Answers in place of the server's own. @returns false to leave it to the server */
  readonly instead?: (request: string, sftp: Sftp, id: number, ...rest: unknown[]) => boolean
}

export interface OddServer {
  readonly port: number
  /** Every request, in its order. */
  readonly requests: string[]
  stop(): Promise<void>
}

export async function startOddServer({
  list,
  files = new Map(),
  instead = () => false,
}: OddOptions): Promise<OddServer> {
  const hostKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString()
  const requests: string[] = []
  const connections = new Set<ssh2.Connection>()
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection)
    connection.on('error', () => {}).on('close', () => connections.delete(connection))
    connection.on('authentication', (context) => context.accept())
    connection.on('session', (accept) => accept().on('sftp', (take) => serve(take())))
  })
  const serve = (sftp: Sftp): void => {
    const handles = new Map<number, { path: string; listed: boolean }>()
    let next = 0
    const open = (path: string): Buffer => {
      handles.set(next, { path, listed: false })
      const handle = Buffer.alloc(4)
      handle.writeUInt32BE(next++)
      return handle
    }
    const of = (handle: Buffer): { path: string; listed: boolean } =>
      handles.get(handle.readUInt32BE()) ?? { path: '', listed: false }
    const attributes = (file: OddFile): ssh2.Attributes => ({
      mode: file.mode,
      size: file.size ?? file.content?.length ?? 0,
      uid: 0,
      gid: 0,
      atime: 0,
      mtime: 0,
    })
    const lookUp = (path: string): OddFile | undefined => {
      const at = path.lastIndexOf('/')
      return (
        files.get(path) ??
        (at > 0 ? list(path.slice(0, at)).find(([name]) => name === path.slice(at + 1))?.[1] : undefined) ??
        (path === '/tree' ? { mode: DIRECTORY } : undefined)
      )
    }
    sftp.on('end', () => sftp.end()) // it does not answer the channel's close by itself
    const on = (request: string, answer: (id: number, ...rest: never[]) => void): void => {
      sftp.on(
        request as never,
        ((id: number, ...rest: never[]) => {
          requests.push(request)
          if (!instead(request, sftp, id, ...rest)) answer(id, ...rest)
        }) as never,
      )
    }
    const stat = (id: number, path: string): void => {
      const found = lookUp(path)
      if (found) sftp.attrs(id, attributes(found))
      else sftp.status(id, STATUS_CODE.NO_SUCH_FILE)
    }
    on('STAT', stat)
    on('LSTAT', stat)
    on('FSTAT', (id, handle: Buffer) => stat(id, of(handle).path))
    on('REALPATH', (id, path: string) =>
      sftp.name(id, [{ filename: path, longname: path, attrs: attributes({ mode: FILE }) }]),
    )
    on('READLINK', (id) => sftp.name(id, [{ filename: '/etc', longname: '', attrs: attributes({ mode: LINK }) }]))
    on('OPENDIR', (id, path: string) => sftp.handle(id, open(path)))
    on('READDIR', (id, handle: Buffer) => {
      const directory = of(handle)
      if (directory.listed) return sftp.status(id, STATUS_CODE.EOF)
      directory.listed = true
      return sftp.name(
        id,
        list(directory.path).map(([filename, file]) => ({ filename, longname: filename, attrs: attributes(file) })),
      )
    })
    on('OPEN', (id, path: string, flags: number) => {
      if (flags & 8) files.set(path, { mode: FILE, content: Buffer.alloc(0) })
      else if (!lookUp(path)) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE)
      return sftp.handle(id, open(path))
    })
    on('READ', (id, handle: Buffer, offset: number, length: number) => {
      const piece = lookUp(of(handle).path)?.content?.subarray(offset, offset + length)
      if (piece?.length) sftp.data(id, piece)
      else sftp.status(id, STATUS_CODE.EOF)
    })
    on('WRITE', (id, handle: Buffer, offset: number, data: Buffer) => {
      const { path } = of(handle)
      const old = files.get(path)?.content ?? Buffer.alloc(0)
      const content = Buffer.alloc(Math.max(old.length, offset + data.length))
      old.copy(content)
      data.copy(content, offset)
      files.set(path, { mode: FILE, content })
      sftp.status(id, STATUS_CODE.OK)
    })
    on('CLOSE', (id) => sftp.status(id, STATUS_CODE.OK))
    on('FSETSTAT', (id) => sftp.status(id, STATUS_CODE.OK))
    on('REMOVE', (id, path: string) => sftp.status(id, files.delete(path) ? STATUS_CODE.OK : STATUS_CODE.NO_SUCH_FILE))
    // As version 3 has it: a file that is there is not replaced.
    on('RENAME', (id, from: string, to: string) => {
      const file = files.get(from)
      if (!file || files.has(to)) return sftp.status(id, STATUS_CODE.FAILURE)
      files.delete(from)
      files.set(to, file)
      return sftp.status(id, STATUS_CODE.OK)
    })
  }
  // ssh2's own would wait for acknowledgements between small packets.
  const listener = createServer({ noDelay: true }, (socket) => server.injectSocket(socket))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    requests,
    async stop() {
      for (const connection of connections) connection.end()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
    },
  }
}
