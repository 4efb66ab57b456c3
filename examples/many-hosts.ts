/** One command on many hosts, a few at a time: one dead host costs its own place and nothing else. */
import { $, foldNames, loadInventory } from 'xec'

const inventory = await loadInventory()
const report = await $.all(await inventory.targets('all'), { fanout: 8 })`echo "$((1 + 1))"`

for (const { hosts, outcome, stdout } of report.folded()) {
  console.log(`${foldNames(hosts)}: ${outcome} ${stdout.toString().trim()}`)
}
for (const { host, error } of report.failed) console.log(`${host}: ${error?.code ?? ''}`)
console.log(`${report.counts.ok} of ${report.counts.total} ok`)

// Results as they come; leaving the loop cancels the rest.
for await (const { host, ok } of $.all(await inventory.targets('@web'))`sleep 0.1`)
  console.log(`${host} is done: ${ok}`)
