/**
 * Every keyword of ssh_config(5), up to OpenSSH 10, and what becomes of it here: one table, from which docs/ssh-config.md
 * is made. What restricts is honoured, refused or warned of, and never ignored in silence.
 */
import { nearest } from '../runtime/nearest.js'
import { splitArguments } from './config-line.js'
import { HONOURED, type HonouredKeyword } from './honoured-keywords.js'
import type { SshHostOptions } from './host-options.js'
import { splitPatterns } from './pattern.js'

export type Effect = 'honoured' | 'accepted without effect' | 'warned of' | 'refused'

export interface KeywordRow {
  readonly keyword: string
  readonly aliases: readonly string[]
  readonly effect: Effect
  readonly note: string
}

/** What one line says. */
export type Said =
  | {
      readonly kind: 'option'
      readonly option: keyof SshHostOptions
      readonly value: SshHostOptions[keyof SshHostOptions]
      /** What a user should know of the value: the end of a sentence that begins with the keyword. */
      readonly note?: string
    }
  /** Without effect here, and leaving it out changes who is trusted or what is dialled. `set`: not to its harmless value. */
  | { readonly kind: 'unsupported'; readonly keyword: string; readonly set: boolean; readonly why: string }
  /** IgnoreUnknown: unknown keywords that match are not worth a warning. */
  | { readonly kind: 'ignoreUnknown'; readonly patterns: readonly string[] }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unknown' }

/** Read where blocks and files are put together; not values of a host. */
const STRUCTURE: Readonly<Record<string, string>> = {
  Host: 'patterns with `*` and `?`; `!pattern` takes the block away; case counts, as in ssh',
  Match:
    '`all`, `host`, `originalhost`, `user`, `localuser`, `exec`, `localnetwork`, `tagged`, `sessiontype` (always `exec`), `canonical`, `final`, each with `!`; a block with any other criterion (`command`, `version`) is skipped with a warning for the hosts that it may concern; see below',
  Include:
    'globs, `~`, `${ENV}`; relative to `~/.ssh`, or next to the system’s file; inside a block it counts for that block; at most 16 deep and 1,000 files; a circle is an error',
  IgnoreUnknown: 'patterns of unknown keywords that are not worth a warning',
}

interface Unsupported {
  /** The values that mean "not used". */
  readonly unset: readonly string[]
  /** The end of a sentence that begins with the keyword. */
  readonly why: string
}

const OFF = ['no', 'false']
const NOT_SUPPORTED = 'is not supported and has no effect here'

/** They change who is trusted, what is dialled or what is protected, and are not honoured. */
const WARNED: Readonly<Record<string, Unsupported>> = {
  CertificateFile: { unset: ['none'], why: NOT_SUPPORTED },
  VerifyHostKeyDNS: { unset: OFF, why: NOT_SUPPORTED },
  KnownHostsCommand: { unset: ['none'], why: NOT_SUPPORTED },
  CanonicalizeHostname: { unset: [...OFF, 'none'], why: 'has no effect here: names are dialled as they are written' },
  CheckHostIP: { unset: OFF, why: 'has no effect here: a host is known by its name alone' },
  PKCS11Provider: { unset: ['none'], why: 'has no effect here: its keys are used through an agent only (ssh-add -s)' },
  ChannelTimeout: {
    unset: ['none'],
    why: 'has no effect here: --timeout and the idle time of the pool limit a command',
  },
  RekeyLimit: {
    unset: ['default', 'default none', '0', '0 0'],
    why: 'has no effect here: the server decides when keys are renewed',
  },
}

/** They add convenience, show something, or concern what xec does not do: port forwards of a configuration, X11, … */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  AddKeysToAgent: '',
  CanonicalDomains: 'see `CanonicalizeHostname`',
  CanonicalizeFallbackLocal: 'see `CanonicalizeHostname`',
  CanonicalizeMaxDots: 'see `CanonicalizeHostname`',
  CanonicalizePermittedCNAMEs: 'see `CanonicalizeHostname`',
  ClearAllForwardings: 'no forward of a configuration is ever opened',
  Compression: '',
  ControlMaster: 'the pool shares connections',
  ControlPath: 'the pool shares connections',
  ControlPersist: 'the pool shares connections',
  DynamicForward: '',
  EnableEscapeCommandline: '',
  EnableSSHKeysign: '',
  EscapeChar: '',
  ExitOnForwardFailure: '',
  FingerprintHash: 'fingerprints are SHA256',
  ForkAfterAuthentication: '',
  ForwardAgent: 'no agent is ever forwarded',
  ForwardX11: '',
  ForwardX11Timeout: '',
  ForwardX11Trusted: '',
  GatewayPorts: '',
  GSSAPIAuthentication: 'GSSAPI is never offered',
  GSSAPIDelegateCredentials: 'GSSAPI is never offered',
  HashKnownHosts: 'a new name is hashed where every name of the file is',
  HostbasedAcceptedAlgorithms: 'see `HostbasedAuthentication`',
  IPQoS: '',
  KbdInteractiveDevices: '',
  LocalCommand: 'no local command is ever run',
  LocalForward: '',
  LogLevel: 'see `-v`',
  LogVerbose: '',
  ObscureKeystrokeTiming: '',
  PermitLocalCommand: 'no local command is ever run',
  PermitRemoteOpen: 'no forward of a configuration is ever opened',
  RemoteForward: '',
  SecurityKeyProvider: 'security keys are used through an agent only',
  StreamLocalBindMask: '',
  StreamLocalBindUnlink: '',
  SyslogFacility: '',
  TCPKeepAlive: 'always on; see `ServerAliveInterval`',
  Tunnel: '',
  TunnelDevice: '',
  UpdateHostKeys: '',
  VersionAddendum: '',
  VisualHostKey: '',
  WarnWeakCrypto: '',
  XAuthLocation: '',
}

/** Names that OpenSSH once knew, that a common build of it knows, or that mean one of the above: read past. */
const PAST = new Set(
  (
    'afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 gssapiclientidentity gssapikexalgorithms gssapikeyexchange ' +
    'gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedkeytypes keepalive kerberosauthentication kerberostgtpassing ' +
    'protocol rhostsauthentication rhostsrsaauthentication rsaauthentication smartcarddevice usekeychain useprivilegedport user2 ' +
    'userknownhostsfile2 useroaming usersh'
  ).split(' '),
)

type Option = keyof SshHostOptions
type Reader = HonouredKeyword<NonNullable<SshHostOptions[Option]>>

const OPTIONS = new Map(
  (Object.entries(HONOURED) as [Option, Reader][]).flatMap(([option, { keyword, aliases = [] }]) =>
    [keyword, ...aliases].map((name) => [name.toLowerCase(), option] as const),
  ),
)
const UNSUPPORTED = new Map(
  Object.entries(WARNED).map(([keyword, rest]) => [keyword.toLowerCase(), { keyword, ...rest }]),
)
const IGNORED = new Set([...Object.keys(WITHOUT_EFFECT).map((keyword) => keyword.toLowerCase()), ...PAST])

/** The whole table, by name. */
export const KEYWORDS: readonly KeywordRow[] = [
  ...Object.entries(STRUCTURE).map(([keyword, note]) => row(keyword, 'honoured', note)),
  ...Object.values(HONOURED).map(({ keyword, aliases, note }) => row(keyword, 'honoured', note, aliases)),
  ...Object.entries(WARNED).map(([keyword, { why, unset }]) => row(keyword, 'warned of', unlessUnset(why, unset))),
  ...Object.entries(WITHOUT_EFFECT).map(([keyword, note]) => row(keyword, 'accepted without effect', note)),
].sort((a, b) => (a.keyword.toLowerCase() < b.keyword.toLowerCase() ? -1 : 1))

function row(keyword: string, effect: Effect, note = '', aliases: readonly string[] = []): KeywordRow {
  return { keyword, aliases, effect, note }
}

function unlessUnset(why: string, unset: readonly string[]): string {
  return `${why}; \`${unset[0] ?? ''}\` is harmless`
}

const NAMES = KEYWORDS.map(({ keyword }) => keyword)

export function keywordOf(option: Option): string {
  return HONOURED[option].keyword
}

/**
 * Reads the words of a value that stands outside ssh_config.
 * @throws Error with the problem alone
 */
export function readOption(option: Option, words: readonly string[]): SshHostOptions[Option] {
  const { read, readRest } = HONOURED[option] as Reader
  // preferredAuthentications: [publickey, password] is one word with commas in ssh_config.
  const joined = option === 'sendEnv' || option === 'setEnv' ? words : [words.join(',')]
  return readRest ? readRest(words.join(' ')) : read(joined)
}

/** Whether the values of an option add up from line to line. */
export function addsUp(option: Option): boolean {
  return HONOURED[option].addsUp === true
}

/** Why the value of an option cannot be honoured; undefined when it can. The end of a sentence about the keyword. */
export function refusalOf(option: Option, value: SshHostOptions[Option]): string | undefined {
  const { refuse } = HONOURED[option] as Reader
  return value === undefined ? undefined : refuse?.(value)
}

/** The end of a sentence about a keyword that is not known; empty when nothing is near. */
export function didYouMean(keyword: string): string {
  const near = nearest(keyword, NAMES)
  return near ? `; did you mean ${near}?` : ''
}

/**
 * What a line's keyword (lower-cased) and the rest of the line say. The values of keywords without effect are not looked at.
 * @throws Error with the problem alone, for an honoured keyword with a value that ssh would refuse.
 */
export function readKeyword(keyword: string, rest: string): Said {
  const option = OPTIONS.get(keyword)
  if (option) {
    const { read, readRest, warn } = HONOURED[option] as Reader
    const args = readRest ? [] : splitArguments(rest)
    const value = readRest ? readRest(rest) : read(args)
    const note = value === undefined ? undefined : warn?.(value, args)
    return { kind: 'option', option, value, ...(note === undefined ? {} : { note }) }
  }
  if (keyword === 'ignoreunknown')
    return { kind: 'ignoreUnknown', patterns: splitPatterns(splitArguments(rest).join(',').toLowerCase()) }
  const unsupported = UNSUPPORTED.get(keyword)
  if (unsupported) {
    const { unset, why } = unsupported
    const set = !unset.includes(rest.replaceAll('"', '').toLowerCase())
    return { kind: 'unsupported', keyword: unsupported.keyword, set, why }
  }
  return { kind: IGNORED.has(keyword) ? 'ignored' : 'unknown' }
}
