/** What went wrong, and whether the command ran: the question that a retry depends on. */
import { $, CommandError, loadInventory } from 'xec'

const inventory = await loadInventory()

async function attempt(host: string, command: string): Promise<void> {
  const ssh = $.ssh(await inventory.target(host))
  try {
    await ssh`${command}`.timeout('500ms')
    console.log(`${host}: ok`)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const advice = error.safeToRetry ? 'it did not run, so it may be tried again' : `it ran: ${error.executed}`
    console.log(`${host}: ${error.outcome}, ${advice}`)
  }
}

await attempt('web1', 'exit 3')
await attempt('web1', 'sleep 60')
await attempt('down1', 'uptime')
