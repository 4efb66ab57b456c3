/** One guard broken at a time: file, what stands there (once), what it becomes. `tests` are the ones that ought to notice. */
const pool = ['test/pool']
const adapter = ['test/adapter']

const of = (file, tests, list) => list.map(([before, after]) => ({ file, tests, before, after }))

export const MUTANTS = [
  ...of('src/pool/policy.ts', pool, [
    ['if (!queue.wanted) return wait()', ''],
    ['if (sticky && open.length === 0) return { do: \'fail\' }', ''],
    ['queue.sticky.until > now', 'queue.sticky.until >= now'],
    ['connection.used < ready.used', 'connection.used > ready.used'],
    ['connection.used < roomiest.used', 'connection.used > roomiest.used'],
    ['queue.waiting > asked', 'queue.waiting >= asked'],
    ['queue.capacity(now) - connection.used', 'queue.capacity(now) + 1 - connection.used'],
    ['connection.refusing ? 0 :', 'false ? 0 :'],
    ['if (open.some((connection) => connection.refusing && connection.grants === 0)) return wait()', ''],
    ['queue.waiting - asked - free', 'queue.waiting - free'],
    ['Math.ceil(unserved / capacity)', 'unserved'],
    ['if (!queue.proven && dials > 0) return wait()', ''],
    ['if (endpoint.failures > 0 && endpoint.opening > 0) return wait()', ''],
    ['if (endpoint.opening >= endpoint.dialLimit) return wait()', ''],
    ['if (endpoint.notBefore > now) return wait(endpoint.notBefore)', ''],
    ['if (endpoint.notBefore > now) return wait(endpoint.notBefore)', 'if (endpoint.notBefore > now) return wait()'],
    ['queue.hop.children.has(queue) ? wait() :', 'false ? wait() :'],
    ['endpoint.connections.size >= endpoint.maxConnections', 'endpoint.connections.size > endpoint.maxConnections'],
    ['if (endpoint.freeing > 0) return wait()', ''],
    ['pool.slots + need > pool.maxConnections', 'pool.slots + need > pool.maxConnections + 1'],
    ['hop?.carriers.size === 0 ?', 'false ?'],
    ['return 1 + longest', 'return 1'],
    ['!idle.queue.wanted && !carries(idle, queue)', 'true'],
    ['return head && head !== queue ? wait(Infinity, lacks) : { do: \'dial\', hop }', 'return { do: \'dial\', hop }'],
    ['for (const _own of queue.connections) return wait(Infinity, lacks)', ''],
    ['pool.grants - queue.ringGrants < QUANTUM_GRANTS', 'true'],
    ['if (leaving >= asking) return wait(Infinity, lacks)', ''],
    ['pool.handshakes < pool.maxConcurrentDials &&', ''],
    ['connection.leases === 0 && connection.carriers.size === 0 ? { do: \'close\' }', 'connection.leases === 0 ? { do: \'close\' }'],
    ['connection.leases === 0 && connection.carriers.size === 0 ? { do: \'close\' }', 'connection.carriers.size === 0 ? { do: \'close\' }'],
    ['now >= connection.closeBy ?', 'false ?'],
    ['if (now >= answerBy) return { do: \'drain\', reason: \'suspect\' }', ''],
    ['if (now >= connection.expiresAt) return { do: \'drain\', reason: \'lifetime\' }', ''],
    ['if (connection.spare && queue.waiting === 0) return { do: \'dropSpare\' }', ''],
    ['if (connection.idle && !queue.wanted) {', 'if (connection.idle) {'],
    ['if (pool.mode === \'closed\') return { do: \'drain\', reason: \'closing\' }', ''],
  ]),
  ...of('src/pool/connection.ts', pool, [
    ['STATES.indexOf(next) <= STATES.indexOf(this.#state)', 'false'],
    ['this.used === 0 && this.carriers.size === 0', 'this.used === 0'],
    ['return this.opening + this.slots.size', 'return this.slots.size'],
  ]),
  ...of('src/pool/waiter.ts', pool, [['if (this.#settled) return false', '']]),
  ...of('src/pool/facts.ts', pool, [
    ['if (endpoint.queues.size > 1) this.touchEndpoint(endpoint)', ''],
    ['for (const queue of connection.queue.behind) if (queue.wanted) this.touch(queue)', ''],
    ['this.touchEndpoint(connection.queue.endpoint)', ''],
    ['if (!queue.wanted) this.leaveHop(queue)', ''],
  ]),
  ...of('src/pool/channels.ts', pool, [
    ['if (!slot.leased) return', ''],
    ['if (!slot.leased && slot.channelClosed) connection.slots.delete(slot)', 'if (!slot.leased) connection.slots.delete(slot)'],
    ['if (confirmed > 0) queue.endpoint.learn(confirmed, facts.now())', 'if (confirmed > 0) queue.endpoint.learn(confirmed + 1, facts.now())'],
    ['if (connection.grants === 0) this.effects.failQueue(queue, thrown)', ''],
  ]),
  ...of('src/pool/series.ts', pool, [
    ['endpoint.failures <= options.maxReconnectAttempts', 'true'],
    ['options.autoReconnect &&', ''],
    ['now - endpoint.throttledSince < THROTTLE_LIMIT_MS', 'true'],
    ['queue.sticky = { error, until: now + STICKY_MS }', ''],
  ]),
  ...of('src/pool/ends.ts', pool, [
    ['if (!byUs && connection.grants === 0 && queue.waiting > 0) {', 'if (false as boolean) {'],
    ['const inFlight = this.#revokeLeases(connection)', 'const inFlight = connection.leases'],
  ]),
  ...of('src/pool/pump.ts', pool, [
    ['if (subject instanceof Waiter) {', 'if (subject instanceof Waiter && false as boolean) {'],
    ['if (facts.busy) this.#timer?.handle.ref()', 'if (!facts.busy) this.#timer?.handle.ref()'],
    ['Math.ceil(at - this.clock.now())', '(at - this.clock.now() + 5)'],
  ]),
  ...of('src/pool/dialling.ts', pool, [
    // What makes it matter: another user of the endpoint that waits, see "a failed dial …" in pool.test.ts.
    ['      facts.touchEndpoint(queue.endpoint)\n    }\n    this.effects.pump()', '    }\n    this.effects.pump()'],
    ['if (connection.stage === \'reached\' && connection.reached) this.#abandon(connection, connection.reached)', ''],
  ]),
  ...of('src/adapter/settle.ts', adapter, [
    ['if (p.exitAt !== null && p.outputOver) return { do: \'settle\' }', 'if (p.exitAt !== null) return { do: \'settle\' }'],
    ['Math.max(p.exitAt, p.lastOutputAt) + EXIT_GRACE_MS', 'Infinity'],
    ['return due(timeoutAt, now, \'timeout\')', 'return { do: \'wait\', until: Infinity }'],
    ['rung ? due(p.stoppedAt + rung.atMs, now, \'climb\')', 'rung ? due(p.stoppedAt, now, \'climb\')'],
  ]),
  ...of('src/adapter/result.ts', adapter, [
    ['if (exit.code === 0) return', 'if (exit.code >= 0) return'],
    ['failure ? failure.executed : ended ? \'yes\' : \'maybe\'', 'failure ? failure.executed : \'no\''],
    ['return accepted && signalled && exit?.kind !== \'lost\' ? \'signalled\' : \'maybe-running\'', 'return \'signalled\''],
  ]),
  ...of('src/adapter/execute.ts', adapter, [
    ['resent < retryCommands && ', ''],
    ['!ran.delivered && ', ''],
    ['if (++unsent < UNSENT_LIMIT) continue', 'continue'],
  ]),
]
