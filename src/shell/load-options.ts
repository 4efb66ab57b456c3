/** Where an inventory is loaded from. */
export interface LoadInventoryOptions {
  /** The configuration file; default: searched from `cwd` upwards, then in `$XDG_CONFIG_HOME/xec/config.yaml`. */
  readonly file?: string | undefined
  /** Default: the process's. */
  readonly cwd?: string | undefined
  /** Default: `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** In place of `~/.ssh/config` and `/etc/ssh/ssh_config`; `none` for no file. */
  readonly sshConfig?: string | undefined
}
