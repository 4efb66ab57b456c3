/** A link kept for as long as somebody forwards ports over it: a lease that nobody runs a command on. */
import type { AcquireOptions, Lease, Pool, PoolTarget } from '../pool/types.js'
import type { Link, LinkEnd } from '../transport/transport.js'

export class HeldLink {
  #lease: Lease | null = null
  #coming: Promise<Link> | null = null
  #released = false

  /** @param onEnd hears when the link that is held has ended, unless it was released first */
  constructor(
    private readonly pool: Pool,
    private readonly target: PoolTarget,
    private readonly options: AcquireOptions,
    private readonly onEnd: (end: LinkEnd) => void,
  ) {}

  /** The link; another one when the last has ended. Rejects as the pool's acquire does. */
  get(): Promise<Link> {
    if (this.#lease?.link.alive) return Promise.resolve(this.#lease.link)
    return (this.#coming ??= this.#acquire().finally(() => (this.#coming = null)))
  }

  release(): void {
    this.#released = true
    this.#lease?.release()
    this.#lease = null
  }

  async #acquire(): Promise<Link> {
    const lease = await this.pool.acquire(this.target, this.options)
    if (this.#released) lease.release()
    else this.#lease = lease
    // Nobody reads its channel: what a server says there unasked must not fill it up.
    lease.channel.stdout.resume()
    lease.channel.stderr.resume()
    void lease.link.ended.then((end) => {
      lease.release()
      if (this.#lease !== lease) return
      this.#lease = null
      this.onEnd(end)
    })
    return lease.link
  }
}
