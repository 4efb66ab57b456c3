/**
 * Several sources become one: of several, the earlier wins a host's keys, and groups unite. Pure.
 */
import type { HostSettings } from '../inventory.js'
import type { Source } from './source.js'

export const NO_SOURCE: Source = { hosts: new Map(), groups: new Map(), warnings: [], secretFiles: new Set() }

/** What two layers of the same host come to. Maps (env, vars, pool) unite key by key; a fault counts only where nobody above says its key. */
export function mergeSettings(above: HostSettings, below: HostSettings): HostSettings {
  const { faults = {}, notDialled, proxyJump, proxyCommand, ...rest } = below
  const hasWay = above.proxyJump !== undefined || above.proxyCommand !== undefined
  const left = Object.entries(faults).filter(([key]) => !Object.hasOwn(above, key) && !(key === 'proxyJump' && hasWay))
  const remaining = { ...Object.fromEntries(left), ...above.faults }
  // Who says an address beside it means to dial it.
  const reason = above.host === undefined ? (above.notDialled ?? notDialled) : above.notDialled
  return Object.freeze({
    ...rest,
    ...(hasWay ? {} : { ...(proxyJump && { proxyJump }), ...(proxyCommand && { proxyCommand }) }),
    ...withoutMarks(above),
    ...(above.env || below.env ? { env: { ...below.env, ...above.env } } : {}),
    ...(above.vars || below.vars ? { vars: { ...below.vars, ...above.vars } } : {}),
    ...(above.pool || below.pool ? { pool: { ...below.pool, ...above.pool } } : {}),
    ...(reason === undefined ? {} : { notDialled: reason }),
    ...(Object.keys(remaining).length > 0 ? { faults: remaining } : {}),
  })
}

function withoutMarks({ faults: _, notDialled: __, ...settings }: HostSettings): HostSettings {
  return settings
}

/** Circles of groups over several sources are refused where the inventory is made. */
export function mergeSources(sources: readonly Source[]): Source {
  const [only, ...more] = sources
  if (!only) return NO_SOURCE
  if (more.length === 0) return only
  const hosts = new Map<string, HostSettings>()
  const groups = new Map<string, { hosts: Set<string>; groups: Set<string> }>()
  for (const source of sources) {
    for (const [name, settings] of source.hosts) {
      const above = hosts.get(name)
      hosts.set(name, above ? mergeSettings(above, settings) : settings)
    }
    for (const [name, { hosts: own, groups: inner }] of source.groups) {
      const found = groups.get(name) ?? { hosts: new Set<string>(), groups: new Set<string>() }
      for (const host of own) found.hosts.add(host)
      for (const group of inner) found.groups.add(group)
      groups.set(name, found)
    }
  }
  return {
    hosts,
    groups: new Map([...groups].map(([name, found]) => [name, { hosts: [...found.hosts], groups: [...found.groups] }])),
    warnings: sources.flatMap(({ warnings }) => warnings),
    secretFiles: new Set(sources.flatMap(({ secretFiles }) => [...secretFiles])),
  }
}
