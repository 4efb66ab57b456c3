/** A plain list of hosts: names, `[user@]host[:port]`, ranges; newlines, blanks, commas and `#` comments. Pure. */
import { messageOf } from '../../errors.js'
import type { HostSettings } from '../inventory.js'
import { wordsOfList } from '../name-list.js'
import { expandWithin, hasRange, MOST_NAMES } from '../names.js'
import { parseMention } from '../outside.js'
import { checkedName, faultAt, type Source } from './source.js'
import { defined } from './ssh-settings.js'

/** @throws XecError XEC_CONFIG `file:line: …` */
export function readHostList(file: string, text: string): Source {
  const hosts = new Map<string, HostSettings>()
  for (const { word, line } of wordsOfList(text)) {
    const place = `${file}:${line}`
    for (const each of expanded(place, word, MOST_NAMES - hosts.size)) {
      const mention = parseMention(each)
      if (!mention)
        throw faultAt(place, `${JSON.stringify(each)} is no host: a host is a name, an address or user@host:port`)
      const name = checkedName(place, mention.base)
      const { username, port } = mention
      if (!hosts.has(name)) hosts.set(name, Object.freeze(defined({ username, port })))
    }
  }
  return { hosts, groups: new Map(), warnings: [], secretFiles: new Set() }
}

function expanded(place: string, word: string, room: number): readonly string[] {
  if (!hasRange(word) || /\[[^\]]*:/.test(word)) return [word]
  try {
    return expandWithin(word, room)
  } catch (error) {
    throw faultAt(place, messageOf(error))
  }
}
