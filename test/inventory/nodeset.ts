/** ClusterShell's NodeSet as an oracle: one process for many sets. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Reads lines of JSON `[names, text]`, writes lines of JSON `[folded, expanded]`; no group is looked up. */
const PROGRAM = `
import json, sys
from ClusterShell.NodeSet import NodeSet, RESOLVER_NOGROUP
for line in sys.stdin:
    names, text = json.loads(line)
    folded = str(NodeSet.fromlist(names, resolver=RESOLVER_NOGROUP))
    print(json.dumps([folded, list(NodeSet(text, resolver=RESOLVER_NOGROUP))]))
`

export interface NodesetAnswer {
  /** What `nodeset -f` prints for the names. */
  readonly folded: string
  /** What `nodeset -e` prints for the text. */
  readonly expanded: readonly string[]
}

/** Asks NodeSet in the Python that the program `nodeset` is written for. */
export function askNodeset(
  nodeset: string,
  questions: readonly (readonly [names: readonly string[], text: string])[],
): readonly NodesetAnswer[] {
  const python = /^#!\s*(\S+)/.exec(readFileSync(nodeset, 'utf8'))?.[1] ?? 'python3'
  const input = questions.map((question) => JSON.stringify(question)).join('\n')
  const output = execFileSync(python, ['-c', PROGRAM], { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  return output
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [folded, expanded] = JSON.parse(line) as [string, string[]]
      return { folded, expanded }
    })
}
