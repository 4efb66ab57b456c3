/** Groups that hold themselves, by whatever way. Pure. */

/**
 * The first circle: names in the order in which each holds the next, the first again at the end. Undefined when there is
 * none. Walked on a path of our own: a chain of groups may be longer than the stack is deep.
 */
export function circleOf(
  groups: ReadonlyMap<string, { readonly groups: readonly string[] }>,
): readonly string[] | undefined {
  const done = new Set<string>()
  for (const start of groups.keys()) {
    /** The groups on the way, each with the place in it that comes next. */
    const path = [{ name: start, next: 0 }]
    const onPath = new Set([start])
    for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
      const inner = groups.get(at.name)?.groups[at.next++]
      if (inner === undefined) {
        done.add(at.name)
        onPath.delete(at.name)
        path.pop()
      } else if (onPath.has(inner)) {
        const names = path.map(({ name }) => name)
        return [...names.slice(names.indexOf(inner)), inner]
      } else if (!done.has(inner)) {
        path.push({ name: inner, next: 0 })
        onPath.add(inner)
      }
    }
  }
  return undefined
}
