/** `xec hosts`: the resolved targets. Dials nothing. */
import { addressOf } from '../../runtime/address.js'
import type { ResolvedTarget } from '../../inventory/resolve.js'
import type { PoolTarget } from '../../pool/types.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { createPaint } from '../output/paint.js'
import { table } from '../output/table.js'

export const hosts: CommandRunner = async (io, invocation) => {
  const { options, operands } = invocation
  const fleet = await openFleet(io, invocation, createNotices(io, options))
  const rows = await fleet.resolve(await fleet.select(options, operands), false)
  if (options.json) {
    const documents = rows.map(({ target, groups, vars }) => ({
      host: target.host,
      address: addressOf(target),
      user: target.username,
      jump: jumpsOf(target),
      proxyCommand: endOf(target).proxyCommand != null,
      groups,
      ...(Object.keys(vars).length > 0 ? { vars } : {}),
    }))
    io.stdout.write(`${JSON.stringify({ schemaVersion: 1, hosts: documents })}\n`)
    return 0
  }
  const jumps = rows.some(({ target }) => target.jump !== null || target.proxyCommand)
  const paint = createPaint(wantsColor(options.color, io.env, io.stdout))
  io.stdout.write(
    table<ResolvedTarget>(
      [
        { title: 'HOST', value: ({ target }) => target.host },
        { title: 'ADDRESS', value: ({ target }) => addressOf(target) },
        { title: 'USER', value: ({ target }) => target.username },
        ...(jumps ? [{ title: 'JUMP', value: ({ target }: ResolvedTarget) => wayOf(target) }] : []),
        { title: 'GROUPS', value: ({ groups }) => groups.join(' ') || '–' },
      ],
      rows,
      { heading: paint.faint },
    ),
  )
  return 0
}

/** The hops in order of travel, and the program that the first of them is reached by; not its text, which may hold a secret. */
function wayOf(target: PoolTarget): string {
  const program = endOf(target).proxyCommand ? ['ProxyCommand'] : []
  return [...program, ...jumpsOf(target)].join(',') || '–'
}

/** The first hop, or the host itself. */
function endOf(target: PoolTarget): PoolTarget {
  return target.jump === null ? target : endOf(target.jump)
}

/** The hops in order of travel. */
function jumpsOf({ jump }: PoolTarget): string[] {
  return jump === null ? [] : [...jumpsOf(jump), jump.host]
}
