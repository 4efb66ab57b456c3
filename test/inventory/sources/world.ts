/** Inventories in a directory of their own, and the command line over them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openInventory, type OpenInventory } from '../../../src/config/open.js'

export class InventoryWorld {
  readonly root = mkdtempSync(join(tmpdir(), 'xec-inventory-'))
  readonly env: Record<string, string> = { PATH: process.env['PATH'] ?? '', XDG_CONFIG_HOME: join(this.root, 'none') }

  /** Writes a file (mode 0600) and returns its path. */
  file(name: string, text: string, mode = 0o600): string {
    const path = join(this.root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }

  /** A configuration, with the inventories beside it. */
  open(config: string | undefined, inventories?: readonly string[]): Promise<OpenInventory> {
    return openInventory({
      cwd: this.root,
      home: this.root,
      env: this.env,
      sshConfig: 'none',
      ...(config === undefined ? {} : { file: this.file('xec.config.yaml', config) }),
      ...(inventories === undefined ? {} : { inventories }),
    })
  }

  /** Without the directory in it. */
  short(text: string): string {
    return text.replaceAll(`${this.root}/`, '')
  }

  async refusal(work: Promise<unknown>): Promise<string> {
    const error: unknown = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!(error instanceof Error)) throw new Error('nothing was refused')
    return this.short(error.message)
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
