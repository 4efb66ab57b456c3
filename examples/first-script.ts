/** A first script: commands on one host, values quoted, results read. */
import { $, loadInventory } from 'xec'

const inventory = await loadInventory() // xec.config.yaml, from here upwards
const web = $.ssh(await inventory.target('web1')) // or $.ssh('deploy@web1.example.com')

const kernel = await web`uname -s`.text()
console.log(`web1 runs ${kernel}`)

// What is interpolated is one word, whatever is in it.
const name = "it's a file; rm -rf /"
console.log(await web`printf '%s\n' ${name}`.text())

// A failure is an error; nothrow() makes it a result.
const check = await web`test -d /no/such/directory`.nothrow()
console.log(`exit status ${check.exitCode}, outcome ${check.outcome}`)
