/**
 * The keywords of ssh_config(5) that xec honours, and what their values may be.
 * Keyed by option, so that an option without a keyword is a compile error.
 */
import { nearest } from '../runtime/nearest.js'
import { splitArguments } from './config-line.js'
import { HOST_KEY_CHECKING, NO_MEANS_ACCEPT_NEW, type SshHostOptions } from './host-options.js'
import { splitPatterns } from './pattern.js'

interface Keyword<T> {
  readonly keyword: string
  /** The value, or `undefined` when the line says nothing (a time of `none`). Throws an Error with the problem alone. */
  readonly read: (args: readonly string[]) => T | undefined
}

type Keywords = { readonly [K in keyof SshHostOptions]-?: Keyword<NonNullable<SshHostOptions[K]>> }

/** What one line says. */
export type Said =
  | {
      readonly kind: 'option'
      readonly option: keyof SshHostOptions
      readonly value: SshHostOptions[keyof SshHostOptions]
      readonly note?: string
    }
  /** Known to OpenSSH, without effect here, and leaving it out changes who is trusted or what is dialled. */
  | { readonly kind: 'unsupported'; readonly keyword: string; readonly set: boolean }
  /** IgnoreUnknown: unknown keywords that match are not worth a warning. */
  | { readonly kind: 'ignoreUnknown'; readonly patterns: readonly string[] }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unknown' }

const KEYWORDS: Keywords = {
  hostName: { keyword: 'HostName', read: one },
  user: { keyword: 'User', read: one },
  port: { keyword: 'Port', read: (args) => port(one(args)) },
  identityFiles: { keyword: 'IdentityFile', read: (args) => [one(args)] },
  identitiesOnly: {
    keyword: 'IdentitiesOnly',
    read: (args) => choice(args, { yes: true, true: true, no: false, false: false }),
  },
  identityAgent: { keyword: 'IdentityAgent', read: one },
  proxyJump: { keyword: 'ProxyJump', read: (args) => jump(one(args)) },
  userKnownHostsFiles: { keyword: 'UserKnownHostsFile', read: files },
  globalKnownHostsFiles: { keyword: 'GlobalKnownHostsFile', read: files },
  strictHostKeyChecking: { keyword: 'StrictHostKeyChecking', read: (args) => choice(args, HOST_KEY_CHECKING) },
  hostKeyAlias: { keyword: 'HostKeyAlias', read: one },
  connectTimeoutMs: { keyword: 'ConnectTimeout', read: (args) => seconds(one(args)) },
  serverAliveIntervalMs: { keyword: 'ServerAliveInterval', read: (args) => seconds(one(args)) },
  serverAliveCountMax: { keyword: 'ServerAliveCountMax', read: (args) => count(one(args)) },
}

const OPTIONS = new Map(
  Object.entries(KEYWORDS).map(([option, { keyword }]) => [keyword.toLowerCase(), option as keyof SshHostOptions]),
)

/** The supported keywords as they are written in a file. */
export const SUPPORTED_KEYWORDS: readonly string[] = Object.values(KEYWORDS).map(({ keyword }) => keyword)

export function keywordOf(option: keyof SshHostOptions): string {
  return KEYWORDS[option].keyword
}

/** The end of a sentence about a keyword that is not supported; empty when nothing is near. */
export function didYouMean(keyword: string): string {
  const near = nearest(keyword, SUPPORTED_KEYWORDS)
  return near ? `; did you mean ${near}?` : ''
}

/** Security-relevant keywords that xec does not honour, and the value that means "not used". */
const UNSUPPORTED: Readonly<Record<string, { keyword: string; unset: readonly string[] }>> = {
  certificatefile: { keyword: 'CertificateFile', unset: ['none'] },
  proxycommand: { keyword: 'ProxyCommand', unset: ['none'] },
  verifyhostkeydns: { keyword: 'VerifyHostKeyDNS', unset: ['no', 'false'] },
  knownhostscommand: { keyword: 'KnownHostsCommand', unset: ['none'] },
  revokedhostkeys: { keyword: 'RevokedHostKeys', unset: ['none'] },
}

/** Everything else that OpenSSH (up to 10) or a common build of it knows: read past. */
const IGNORED = new Set(
  (
    'addkeystoagent addressfamily afstokenpassing batchmode bindaddress bindinterface canonicaldomains canonicalizefallbacklocal ' +
    'canonicalizehostname canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms challengeresponseauthentication channeltimeout ' +
    'checkhostip cipher ciphers clearallforwardings compression compressionlevel connectionattempts controlmaster controlpath controlpersist ' +
    'dsaauthentication dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fallbacktorsh fingerprinthash ' +
    'forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports globalknownhostsfile2 gssapiauthentication ' +
    'gssapiclientidentity gssapidelegatecredentials gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity ' +
    'gssapitrustdns hashknownhosts hostbasedacceptedalgorithms hostbasedauthentication hostbasedkeytypes hostkeyalgorithms identityfile2 ' +
    'ipqos kbdinteractiveauthentication kbdinteractivedevices keepalive kerberosauthentication kerberostgtpassing ' +
    'kexalgorithms localcommand localforward loglevel logverbose macs nohostauthenticationforlocalhost numberofpasswordprompts ' +
    'obscurekeystroketiming passwordauthentication permitlocalcommand permitremoteopen pkcs11provider preferredauthentications protocol proxyusefdpass ' +
    'pubkeyacceptedalgorithms pubkeyacceptedkeytypes pubkeyauthentication refuseconnection rekeylimit remotecommand remoteforward requesttty ' +
    'requiredrsasize rhostsauthentication rhostsrsaauthentication rsaauthentication securitykeyprovider sendenv sessiontype setenv ' +
    'skeyauthentication smartcarddevice stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tisauthentication ' +
    'tunnel tunneldevice updatehostkeys usekeychain useprivilegedport user2 userknownhostsfile2 useroaming usersh versionaddendum visualhostkey ' +
    'warnweakcrypto xauthlocation'
  ).split(' '),
)

const NO = new Set(['no', 'off', 'false'])

/**
 * What a line's keyword (lower-cased) and the rest of the line say. The values of keywords without effect are not looked at.
 * @throws Error with the problem alone, for a supported keyword with a value that ssh would refuse.
 */
export function readKeyword(keyword: string, rest: string): Said {
  const option = OPTIONS.get(keyword)
  if (option) {
    const args = splitArguments(rest)
    const said = { kind: 'option', option, value: KEYWORDS[option].read(args) } as const
    return option === 'strictHostKeyChecking' && NO.has(args[0]?.toLowerCase() ?? '')
      ? { ...said, note: NO_MEANS_ACCEPT_NEW }
      : said
  }
  if (keyword === 'ignoreunknown')
    return { kind: 'ignoreUnknown', patterns: splitPatterns(splitArguments(rest).join(',').toLowerCase()) }
  const unsupported = Object.hasOwn(UNSUPPORTED, keyword) ? UNSUPPORTED[keyword] : undefined
  if (unsupported)
    return {
      kind: 'unsupported',
      keyword: unsupported.keyword,
      set: !unsupported.unset.includes(rest.replaceAll('"', '').toLowerCase()),
    }
  return { kind: IGNORED.has(keyword) ? 'ignored' : 'unknown' }
}

function one(args: readonly string[]): string {
  const [value, ...more] = args
  if (value === undefined) throw new Error('has no value')
  if (more.length > 0) throw new Error(`takes one value, and there is more on the line: ${more.join(' ')}`)
  return value
}

function choice<T>(args: readonly string[], values: Readonly<Record<string, T>>): T {
  const value = one(args).toLowerCase()
  const found = Object.hasOwn(values, value) ? values[value] : undefined
  if (found === undefined) throw new Error(`takes one of ${Object.keys(values).join(', ')}, not ${value}`)
  return found
}

function port(value: string): number {
  const number = /^\d{1,5}$/.test(value) ? Number(value) : NaN
  if (!(number >= 1 && number <= 65_535)) throw new Error(`takes a port number from 1 to 65535, not ${value}`)
  return number
}

function count(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new Error(`takes a whole number, not ${value}`)
  return Number(value)
}

function files(args: readonly string[]): string[] {
  if (args.length === 1 && args[0]?.toLowerCase() === 'none') return []
  if (args.some((arg) => arg.toLowerCase() === 'none')) throw new Error('takes none only alone')
  return [...args]
}

/** One hop: `[user@]host[:port]` or `ssh://…`; a hop is checked further when it is dialled. */
function jump(value: string): string {
  if (value.toLowerCase() === 'none') return 'none'
  for (const hop of value.split(',')) {
    if (!/^(?:ssh:\/\/)?(?:[^\s@/]+@)*(?:\[[^\s\]]+\]|[^\s@/:[\]]+)(?::\d{1,5})?\/?$/.test(hop)) {
      throw new Error(`takes [user@]host[:port] hops with commas between them, not ${JSON.stringify(value)}`)
    }
  }
  return value
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }

/** sshd_config(5), TIME FORMATS: `90`, `1m30s`. Milliseconds; undefined for `none`, which to ssh is as if the line were not there. */
function seconds(value: string): number | undefined {
  if (value === 'none') return undefined
  const parts = value.toLowerCase().match(/\d+[smhdw]?/g)
  if (parts?.join('') !== value.toLowerCase()) throw new Error(`takes a time such as 30 or 1m30s, not ${value}`)
  const total = parts.reduce((sum, part) => sum + parseInt(part, 10) * (SECONDS[part.replace(/\d+/, '')] ?? NaN), 0)
  if (!(total < 2 ** 31)) throw new Error(`takes a time below 2^31 seconds, not ${value}`)
  return total * 1_000
}
