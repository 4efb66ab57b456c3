/** Errors that say what this machine or process lacks: no fault of any host. */

const SHORTAGES: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptor left (EMFILE); raise `ulimit -n`',
  ENFILE: 'this machine has no file descriptor left (ENFILE); raise fs.file-max, or end what holds them',
  ENOBUFS: 'this machine has no buffer space left for sockets (ENOBUFS)',
  EADDRNOTAVAIL: 'no local port or address is free for it (EADDRNOTAVAIL); widen net.ipv4.ip_local_port_range',
}

/** What is short, and what to do about it, for people; undefined when an error says something else. */
export function shortageOf(error: unknown): string | undefined {
  // One address of several that was refused is an answer.
  if (error instanceof AggregateError) {
    const all = error.errors.map(shortageOf)
    return all.every((each) => each !== undefined) ? all[0] : undefined
  }
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' && Object.hasOwn(SHORTAGES, code) ? SHORTAGES[code] : undefined
}
