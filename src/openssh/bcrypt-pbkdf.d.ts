/** The package brings no types. */
declare module 'bcrypt-pbkdf' {
  /** Fills `key` from a passphrase and a salt; returns 0, or -1 for arguments out of range. */
  export function pbkdf(
    passphrase: Uint8Array,
    passphraseLength: number,
    salt: Uint8Array,
    saltLength: number,
    key: Uint8Array,
    keyLength: number,
    rounds: number,
  ): number
}
