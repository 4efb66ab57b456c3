/**
 * The keywords of ssh_config(5) whose values xec reads. Keyed by option, so that an option without a keyword is a
 * compile error.
 */
import { readAlgorithms, type AlgorithmKind } from './algorithm-list.js'
import { HOST_KEY_CHECKING, NO_MEANS_ACCEPT_NEW, type SshHostOptions } from './host-options.js'
import {
  assignments,
  choice,
  command,
  count,
  files,
  flag,
  jump,
  one,
  port,
  seconds,
  variablePatterns,
} from './keyword-values.js'

export interface HonouredKeyword<T> {
  readonly keyword: string
  /** Other names of the same keyword, most of them old. */
  readonly aliases?: readonly string[]
  /** The value, or `undefined` when the line says nothing (a time of `none`). Throws an Error with the problem alone. */
  readonly read: (args: readonly string[]) => T | undefined
  /** In place of `read`, for a keyword whose value is the rest of the line as it stands, quotes included. */
  readonly readRest?: (rest: string) => T
  /** For the table of docs/ssh-config.md. */
  readonly note?: string
  /** Values add up from line to line, where of all others the first wins. */
  readonly addsUp?: true
  /** Why a value cannot be honoured and what to do: the end of a sentence. Hosts that it is for are not dialled. */
  readonly refuse?: (value: T) => string | undefined
  /** What a user should know of a value: the end of a sentence. */
  readonly warn?: (value: T, args: readonly string[]) => string | undefined
}

type HonouredKeywords = { readonly [K in keyof SshHostOptions]-?: HonouredKeyword<NonNullable<SshHostOptions[K]>> }

const text = { read: one }
const yesNo = { read: flag }

function algorithms(kind: AlgorithmKind): Pick<HonouredKeyword<string>, 'read'> {
  return { read: (args) => readAlgorithms(kind, one(args)) }
}

const NO = new Set(['no', 'off', 'false'])

export const HONOURED: HonouredKeywords = {
  hostName: { keyword: 'HostName', ...text, note: '`%h`; an address, or a name in lower case' },
  user: { keyword: 'User', ...text },
  port: { keyword: 'Port', read: (args) => port(one(args)), note: 'a number' },
  identityFiles: {
    keyword: 'IdentityFile',
    aliases: ['IdentityFile2'],
    read: (args) => [one(args)],
    note: 'adds up; `none` means none, not even the defaults',
  },
  identitiesOnly: { keyword: 'IdentitiesOnly', ...yesNo },
  identityAgent: { keyword: 'IdentityAgent', ...text, note: 'a path, `none`, `SSH_AUTH_SOCK`, `$VARIABLE`' },
  proxyJump: {
    keyword: 'ProxyJump',
    read: (args) => jump(one(args)),
    note: 'hops with commas, or `none`; an earlier `ProxyCommand` shuts it out, as in ssh',
  },
  proxyCommand: {
    keyword: 'ProxyCommand',
    read: one,
    readRest: command,
    refuse: (value) =>
      value === '-'
        ? '- would take the standard input and output of xec for the connection; name a program'
        : undefined,
    note: 'run by `$SHELL` with `exec` in front; `none`; an earlier `ProxyJump` shuts it out, but for `ProxyJump none`; see below',
  },
  proxyUseFdpass: {
    keyword: 'ProxyUseFdpass',
    ...yesNo,
    refuse: (value) =>
      value
        ? 'yes is not supported: a ProxyCommand passes on the bytes of a connection here, not its file descriptor; use a program that does (nc without -F)'
        : undefined,
    note: '`yes` is refused for hosts that have a `ProxyCommand`',
  },
  tag: { keyword: 'Tag', ...text, note: 'for `Match tagged`' },
  userKnownHostsFiles: { keyword: 'UserKnownHostsFile', read: files, note: 'several files, or `none`' },
  globalKnownHostsFiles: { keyword: 'GlobalKnownHostsFile', read: files, note: 'several files, or `none`' },
  strictHostKeyChecking: {
    keyword: 'StrictHostKeyChecking',
    read: (args) => choice(args, HOST_KEY_CHECKING),
    warn: (_, args) => (NO.has(args[0]?.toLowerCase() ?? '') ? `no ${NO_MEANS_ACCEPT_NEW}` : undefined),
    note: '`yes` (strict), `accept-new`, `ask`; **`no` and `off` are read as `accept-new`**, with one warning',
  },
  hostKeyAlias: {
    keyword: 'HostKeyAlias',
    ...text,
    note: 'looked up and recorded in place of the address and port',
  },
  revokedHostKeys: {
    keyword: 'RevokedHostKeys',
    ...text,
    note: 'a text file or a KRL; a file that cannot be read refuses every key, as in ssh; `none`',
  },
  noHostAuthenticationForLocalhost: {
    keyword: 'NoHostAuthenticationForLocalhost',
    ...yesNo,
    note: 'a loopback address alone; the key is then neither checked nor recorded',
  },
  connectTimeoutMs: {
    keyword: 'ConnectTimeout',
    read: (args) => seconds(one(args)),
    note: 'a time such as `30` (seconds) or `1m30s`; `none` says nothing; counts from TCP to the login',
  },
  connectionAttempts: {
    keyword: 'ConnectionAttempts',
    read: (args) => count(one(args), 1),
    note: 'N is N−1 retries; `--retries` and the pool options of the inventory go before it',
  },
  addressFamily: {
    keyword: 'AddressFamily',
    read: (args) => choice(args, { any: 'any', inet: 'inet', inet6: 'inet6' }),
    note: '`any`, `inet`, `inet6`',
  },
  bindAddress: { keyword: 'BindAddress', ...text, note: 'an address of this machine; not behind a jump host' },
  bindInterface: { keyword: 'BindInterface', ...text, note: 'its first address of the family in question' },
  serverAliveIntervalMs: {
    keyword: 'ServerAliveInterval',
    read: (args) => seconds(one(args)),
    note: 'a time; 0 turns the keepalive off',
  },
  serverAliveCountMax: { keyword: 'ServerAliveCountMax', read: (args) => count(one(args)) },
  kexAlgorithms: { keyword: 'KexAlgorithms', ...algorithms('kexAlgorithms'), note: '*algorithms*' },
  ciphers: { keyword: 'Ciphers', ...algorithms('ciphers'), note: '*algorithms*' },
  macs: { keyword: 'MACs', ...algorithms('macs'), note: '*algorithms*' },
  hostKeyAlgorithms: {
    keyword: 'HostKeyAlgorithms',
    ...algorithms('hostKeyAlgorithms'),
    note: '*algorithms*; SHA-1 signatures (`ssh-rsa`) only where this says so',
  },
  pubkeyAcceptedAlgorithms: {
    keyword: 'PubkeyAcceptedAlgorithms',
    aliases: ['PubkeyAcceptedKeyTypes'],
    ...algorithms('pubkeyAcceptedAlgorithms'),
    note: '*algorithms*; keys of other kinds are not offered',
  },
  caSignatureAlgorithms: {
    keyword: 'CASignatureAlgorithms',
    ...algorithms('caSignatureAlgorithms'),
    note: '*algorithms*; host certificates are not used, so that none is accepted whatever this says',
  },
  requiredRSASize: {
    keyword: 'RequiredRSASize',
    read: (args) => count(one(args)),
    note: 'bits; for host keys and for our own; never below 1024',
  },
  pubkeyAuthentication: {
    keyword: 'PubkeyAuthentication',
    aliases: ['DSAAuthentication'],
    read: (args) => choice(args, { yes: true, true: true, no: false, false: false, unbound: true, 'host-bound': true }),
    note: '`unbound` and `host-bound` are read as `yes`',
  },
  passwordAuthentication: { keyword: 'PasswordAuthentication', ...yesNo },
  kbdInteractiveAuthentication: {
    keyword: 'KbdInteractiveAuthentication',
    aliases: ['ChallengeResponseAuthentication', 'SkeyAuthentication', 'TISAuthentication'],
    ...yesNo,
  },
  hostbasedAuthentication: {
    keyword: 'HostbasedAuthentication',
    ...yesNo,
    warn: (value) => (value ? 'yes has no effect: xec does not log in by the key of this machine' : undefined),
    note: '`no` is the default; `yes` is warned of: xec does not log in by the key of this machine',
  },
  preferredAuthentications: {
    keyword: 'PreferredAuthentications',
    read: (args) => one(args).split(','),
    note: 'the methods in this order, and no others',
  },
  numberOfPasswordPrompts: {
    keyword: 'NumberOfPasswordPrompts',
    read: (args) => count(one(args)),
    note: 'for passwords and for passphrases; 0: nobody is asked',
  },
  batchMode: { keyword: 'BatchMode', ...yesNo, note: 'nobody is asked for anything' },
  sendEnv: {
    keyword: 'SendEnv',
    read: variablePatterns,
    addsUp: true,
    note: 'adds up; `-PATTERN` takes back; the server must accept them (`AcceptEnv`)',
  },
  setEnv: {
    keyword: 'SetEnv',
    read: assignments,
    note: 'the first line counts, as in ssh; the server must accept them (`AcceptEnv`)',
  },
  remoteCommand: {
    keyword: 'RemoteCommand',
    read: one,
    readRest: (rest) => rest,
    note: 'an error for `run` and `exec-all`, which have a command of their own, unless `-o RemoteCommand=none`; `ping` and file transfer ignore it',
  },
  requestTTY: {
    keyword: 'RequestTTY',
    read: (args) =>
      choice(args, { true: 'yes', yes: 'yes', no: 'no', false: 'no', force: 'force', auto: 'auto' } as const),
    note: 'for `run` alone; `-t` goes before it',
  },
  sessionType: {
    keyword: 'SessionType',
    read: (args) => choice(args, { default: 'default', none: 'none', subsystem: 'subsystem' }),
    refuse: (value) =>
      value === 'default'
        ? undefined
        : `${value} leaves no command to run; override it with -o SessionType=default or sessionType: default in the inventory`,
    note: '`default`; `none` and `subsystem` are refused',
  },
  stdinNull: { keyword: 'StdinNull', ...yesNo, note: 'as `-n`' },
  refuseConnection: {
    keyword: 'RefuseConnection',
    ...text,
    refuse: (message) => `forbids the connection: ${message}`,
    note: 'the host is refused, with its message',
  },
}
