/** `xec hosts`: the resolved targets. Dials nothing. */
import { addressOf } from '../../runtime/address.js'
import type { ResolvedTarget } from '../../inventory/resolve.js'
import type { PoolTarget } from '../../pool/types.js'
import { wantsColor } from '../color.js'
import { foldNames } from '../../inventory/fold-names.js'
import type { Inventory } from '../../inventory/inventory.js'
import type { CommandRunner } from '../command.js'
import type { Io } from '../io.js'
import type { OptionValues } from '../options.js'
import { usage } from '../values.js'
import { openFleet } from '../fleet.js'
import { createNotices } from '../notices.js'
import { createPaint } from '../output/paint.js'
import { table } from '../output/table.js'

export const hosts: CommandRunner = async (io, invocation) => {
  const { options, operands } = invocation
  const fleet = await openFleet(io, invocation, createNotices(io, options))
  const modes = (['names', 'fold', 'groups', 'json'] as const).filter((name) => options[name] === true)
  if (modes.length > 1) throw usage(`--${modes.join(' and --')} contradict each other; keep one`)
  const names = await fleet.select(options, operands)
  if (options.names || options.fold) {
    io.stdout.write(options.fold ? `${foldNames(names)}\n` : names.map((name) => `${name}\n`).join(''))
    return 0
  }
  if (options.groups) {
    const rows = groupRows(fleet.inventory, names)
    io.stdout.write(
      table<GroupRow>(
        [
          { title: 'GROUP', value: ({ name }) => name },
          { title: 'HOSTS', value: ({ hosts }) => String(hosts.length) },
          { title: 'NAMES', value: ({ hosts }) => foldNames(hosts) },
        ],
        rows,
        look(io, options),
      ),
    )
    return 0
  }
  const rows = await fleet.resolve(names, false)
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
      look(io, options),
    ),
  )
  return 0
}

interface GroupRow {
  readonly name: string
  readonly hosts: readonly string[]
}

/** The groups that hold some of the names, with those, in the order of the inventory. */
function groupRows(inventory: Inventory, names: readonly string[]): GroupRow[] {
  return [...inventory.groups.keys()]
    .map((name) => ({ name, hosts: names.filter((each) => inventory.membersOf(name)?.has(each)) }))
    .filter(({ hosts }) => hosts.length > 0)
}

function look(io: Io, { color, quiet }: OptionValues) {
  const paint = createPaint(wantsColor(color, io.env, io.stdout))
  return { heading: paint.faint, withHeading: quiet !== true }
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
