/** `--dry-run`: what would run where. Nothing is dialled. */
import { addressOf } from '../runtime/address.js'
import type { HostCommand } from '../run/local.js'
import type { Io } from './io.js'
import { table } from './output/table.js'

/** Prints the hosts and the command; the exit status is 0. */
export function showDryRun(io: Io, commands: readonly HostCommand[], title: string, json: boolean): number {
  if (json) {
    const hosts = commands.map(({ target, command: { env = {} } }) => ({
      host: target.host,
      address: addressOf(target),
      user: target.username,
      env: Object.keys(env),
    }))
    io.stdout.write(
      `${JSON.stringify({ schemaVersion: 1, dryRun: true, command: title, cwd: commands[0]?.command.cwd ?? null, hosts })}\n`,
    )
    return 0
  }
  const count = `${commands.length} host${commands.length === 1 ? '' : 's'}`
  const cwd = commands[0]?.command.cwd
  // The values may be secrets, and the inventory's differ from host to host.
  const names = [...new Set(commands.flatMap(({ command }) => Object.keys(command.env ?? {})))]
  const around = [
    ...(cwd === undefined ? [] : [`in ${cwd}`]),
    ...(names.length === 0 ? [] : [`with ${names.join(', ')} set`]),
  ]
  io.stdout.write(
    `dry run: on ${count} this would run${around.length > 0 ? `, ${around.join(', ')}` : ''}: ${title}\n${table(
      [
        { title: 'HOST', value: ({ target }) => target.host },
        { title: 'ADDRESS', value: ({ target }) => addressOf(target) },
        { title: 'USER', value: ({ target }) => target.username },
      ],
      commands,
    )}`,
  )
  return 0
}
