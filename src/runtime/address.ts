/** `address:port`, an IPv6 address in brackets. */
export function addressOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}
