import { describe, expect, test } from 'vitest'
import { parseSshConfig } from '../../src/openssh/config-blocks.js'
import {
  parseSshOption,
  sshConfig,
  sshOptionWarning,
  type GivenOptions,
  type SshConfig,
  type SshHostOptions,
} from '../../src/openssh/ssh-config.js'

const around = {
  home: '/home/ops',
  env: { KEYS: '/keys', AGENT: '/run/agent', EMPTY: '' },
  localUser: 'ops',
  localHost: 'laptop.example.com',
  uid: 1000,
}
const config = (text: string): SshConfig => sshConfig([parseSshConfig(text, 'config')], around)
const options = (text: string, name = 'web1', given?: GivenOptions): SshHostOptions =>
  config(text).resolve(name, given).options
const warnings = (text: string, name = 'web1', given?: GivenOptions): readonly string[] =>
  config(text).resolve(name, given).warnings
const error = (fn: () => unknown): string => {
  try {
    fn()
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'XEC_CONFIG', executed: 'no' })
    return (thrown as Error).message
  }
  throw new Error('nothing was thrown')
}

describe('blocks', () => {
  test('the first value wins, and identity files add up', () => {
    expect(
      options(
        'User early\nHost web1\n User late\n Port 2200\n IdentityFile /a\nHost *\n Port 22\n IdentityFile /b\n IdentityFile /a',
      ),
    ).toEqual({
      user: 'early',
      port: 2200,
      identityFiles: ['/a', '/b'],
    })
  })

  test('a Host line matches by patterns, and a negated one takes the block away', () => {
    const text = 'Host web* !web3 db?\n User ops'
    expect(['web1', 'web3', 'db1', 'db10', 'WEB1'].map((name) => options(text, name).user)).toEqual([
      'ops',
      undefined,
      'ops',
      undefined,
      undefined,
    ])
  })

  test('a Match block whose criteria nobody can know here is passed over with a warning', () => {
    const text = 'Match host web1 version "OpenSSH_10*" exec "touch /tmp/never"\n User b\nMatch all\n Port 5'
    expect(options(text)).toEqual({ port: 5 })
    expect(warnings(text)).toEqual([
      'config:1: this Match block is skipped, because not all of its criteria are supported',
    ])
  })

  test('in silence where another criterion fails, or where nothing of it counts here', () => {
    expect(warnings('Match host web1 version x\n User b', 'web2')).toEqual([])
    expect(warnings('Match version x\n GSSAPIAuthentication yes\n LogLevel LANG')).toEqual([])
  })

  test.each<[string, string]>([
    ['Match host', 'config:1: Match host has no value'],
    ['Match all host a', 'config:1: Match all has more behind it, and stands last'],
  ])('%j is refused', (text, message) => expect(error(() => config(text))).toBe(message))

  test('a Match block ends the Host block before it', () => {
    expect(options('Host web1\nMatch user x\n Port 7\nHost web1\n Port 8')).toEqual({ port: 8 })
  })
})

describe('lines', () => {
  test.each([
    ['keyword=value', 'User=ops', 'ops'],
    ['spaces around =', '  User =  ops  ', 'ops'],
    ['tabs', '\tUser\tops\t', 'ops'],
    ['any case', 'uSeR ops', 'ops'],
    ['CRLF', 'User ops\r', 'ops'],
    ['double quotes', 'User "a b"', 'a b'],
    ['single quotes', "User 'a b'", 'a b'],
    ['quotes inside a word', 'User a"b c"d', 'ab cd'],
    ['an escaped quote', 'User a\\"b', 'a"b'],
    ['an escaped space', 'User a\\ b', 'a b'],
    ['a comment at the end', 'User ops # me', 'ops'],
    ['a # inside a word', 'User o#ps', 'o#ps'],
    ['a quoted keyword', '"User" ops', 'ops'],
    ['a BOM in front', '\ufeffUser ops', 'ops'],
    ['comments and blank lines', '# User x\n\n  # y\nUser ops', 'ops'],
  ])('%s', (_, text, user) => {
    expect(options(text).user).toBe(user)
  })

  test.each([
    ['User', 'config:1: User has no value'],
    ['Port 22\nHost', 'config:2: Host has no value'],
    ['User # nobody', 'config:1: User has no value'],
    ['HostName ""', 'config:1: HostName has an empty value'],
    ['User "ops', 'config:1: User has a " that is not closed'],
    ['User a b', 'config:1: User takes one value, and there is more on the line: b'],
    ['Port 0', 'config:1: Port takes a port number from 1 to 65535, not 0'],
    ['Port 65536', 'config:1: Port takes a port number from 1 to 65535, not 65536'],
    ['Port 22x', 'config:1: Port takes a port number from 1 to 65535, not 22x'],
    ['Host other\n Port x', 'config:2: Port takes a port number from 1 to 65535, not x'],
    ['IdentitiesOnly maybe', 'config:1: IdentitiesOnly takes one of yes, true, no, false, not maybe'],
    [
      'StrictHostKeyChecking perhaps',
      'config:1: StrictHostKeyChecking takes one of yes, true, accept-new, ask, no, off, false, not perhaps',
    ],
    [
      'StrictHostKeyChecking constructor',
      'config:1: StrictHostKeyChecking takes one of yes, true, accept-new, ask, no, off, false, not constructor',
    ],
    ['ConnectTimeout soon', 'config:1: ConnectTimeout takes a time such as 30 or 1m30s, not soon'],
    ['ServerAliveInterval -1', 'config:1: ServerAliveInterval takes a time such as 30 or 1m30s, not -1'],
    ['ConnectTimeout 99999999999', 'config:1: ConnectTimeout takes a time below 2^31 seconds, not 99999999999'],
    ['ServerAliveCountMax 1.5', 'config:1: ServerAliveCountMax takes a whole number, not 1.5'],
    ['ProxyJump a, b', 'config:1: ProxyJump takes one value, and there is more on the line: b'],
    ['ProxyJump a,,b', 'config:1: ProxyJump takes [user@]host[:port] hops with commas between them, not "a,,b"'],
    ['UserKnownHostsFile a none', 'config:1: UserKnownHostsFile takes none only alone'],
    ['=x', 'config:1: no keyword at the start of the line'],
  ])('%j is refused with its place', (text, message) => {
    expect(error(() => config(text))).toBe(message)
  })
})

describe('values', () => {
  test('every supported keyword', () => {
    expect(
      options(
        [
          'HostName 10.0.0.1',
          'User deploy',
          'Port 2222',
          'IdentityFile /k',
          'IdentitiesOnly yes',
          'IdentityAgent /run/a',
          'ProxyJump u@b:23,[::1]:24,ssh://c',
          'UserKnownHostsFile /u1 /u2',
          'GlobalKnownHostsFile /g',
          'StrictHostKeyChecking yes',
          'HostKeyAlias Web',
          'ConnectTimeout 5',
          'ServerAliveInterval 1m30s',
          'ServerAliveCountMax 4',
        ].join('\n'),
      ),
    ).toEqual({
      hostName: '10.0.0.1',
      user: 'deploy',
      port: 2222,
      identityFiles: ['/k'],
      identitiesOnly: true,
      identityAgent: '/run/a',
      proxyJump: 'u@b:23,[::1]:24,ssh://c',
      userKnownHostsFiles: ['/u1', '/u2'],
      globalKnownHostsFiles: ['/g'],
      strictHostKeyChecking: 'strict',
      hostKeyAlias: 'web',
      connectTimeoutMs: 5_000,
      serverAliveIntervalMs: 90_000,
      serverAliveCountMax: 4,
    })
  })

  test("nothing said is nothing returned: defaults are the caller's", () => {
    expect(options('')).toEqual({})
  })

  test('none means none: no identity file, no known_hosts file, no agent, and no jump', () => {
    expect(
      options(
        'IdentityFile none\nUserKnownHostsFile none\nGlobalKnownHostsFile NONE\nIdentityAgent none\nProxyJump none\nUserKnownHostsFile /late',
      ),
    ).toEqual({
      identityFiles: [],
      userKnownHostsFiles: [],
      globalKnownHostsFiles: [],
      identityAgent: 'none',
      proxyJump: 'none',
    })
  })

  test('a time of none says nothing, and a ConnectTimeout of 0 leaves the default', () => {
    expect(
      options(
        'ConnectTimeout none\nConnectTimeout 9\nServerAliveInterval none\nServerAliveInterval 0\nServerAliveInterval 5',
      ),
    ).toEqual({ connectTimeoutMs: 9_000, serverAliveIntervalMs: 0 })
    expect(options('ConnectTimeout 0\nConnectTimeout 9')).toEqual({})
  })

  test.each(['no', 'off', 'No', 'false'])('StrictHostKeyChecking %s is accept-new, with one warning', (word) => {
    const text = `Host web1\nStrictHostKeyChecking ${word}\nHost *\nStrictHostKeyChecking no`
    expect(options(text).strictHostKeyChecking).toBe('accept-new')
    expect(warnings(text)).toEqual([
      'config:2: StrictHostKeyChecking no is read as accept-new: an unknown host key is recorded, a changed or revoked one is refused',
    ])
  })

  test('a StrictHostKeyChecking no that lost to an earlier line warns of nothing', () => {
    expect(config('StrictHostKeyChecking ask\nHost *\nStrictHostKeyChecking no').resolve('x')).toMatchObject({
      options: { strictHostKeyChecking: 'ask' },
      warnings: [],
    })
  })
})

describe('tokens, variables and ~', () => {
  test('stand for the host as it is named and as it is reached, the users, the port and the home directory', () => {
    expect(
      options(
        'HostName %h.Example.com\nUser deploy\nPort 2222\nHostKeyAlias A\nIdentityFile ~/%n-%h-%p-%r-%u-%%-%k-%L-%l-%i\nIdentityFile %d/x',
        'Web1',
      ),
    ).toMatchObject({
      hostName: 'web1.example.com',
      identityFiles: [
        '/home/ops/Web1-web1.example.com-2222-deploy-ops-%-a-laptop-laptop.example.com-1000',
        '/home/ops/x',
      ],
    })
  })

  test('%r and %p are what is given elsewhere, before what the file says; by default the local user and 22', () => {
    const text = 'IdentityFile /%r-%p-%h'
    expect(options(text).identityFiles).toEqual(['/ops-22-web1'])
    expect(options(`User u\nPort 3\n${text}`, 'web1', { user: 'root', port: 4 })).toMatchObject({
      user: 'u',
      port: 3,
      identityFiles: ['/root-4-web1'],
    })
  })

  test('a variable is put in once and not looked at again', () => {
    const env = { A: '%h ${A} ~' }
    const { options } = sshConfig([parseSshConfig('IdentityFile ~/${A}', 'c')], { ...around, env }).resolve('x')
    expect(options.identityFiles).toEqual(['/home/ops/%h ${A} ~'])
  })

  test('each keyword has the ones that ssh_config(5) gives it', () => {
    expect(options('UserKnownHostsFile ${KEYS}/%h ~/k ~ops/j')).toEqual({
      userKnownHostsFiles: ['/keys/web1', '/home/ops/k', '/home/ops/j'],
    })
    expect(options('GlobalKnownHostsFile ~/g-%h-${KEYS}').globalKnownHostsFiles).toEqual(['/home/ops/g-%h-${KEYS}'])
    expect(options('ProxyJump jump-%n').proxyJump).toBe('jump-web1')
    expect(options('HostKeyAlias %h').hostKeyAlias).toBe('%h')
    expect(error(() => options('HostName %p.example.com'))).toBe(
      'config:1: HostName uses %p, which is not available here; write %% for a plain %',
    )
  })

  test('what has no value is an error that names the line, for the hosts it concerns alone', () => {
    const text =
      'Host web1\n IdentityFile ${NOWHERE}/id\nHost web2\n IdentityFile /%z\nHost web3\n IdentityFile ~root/id\nHost web4\n IdentityFile /%'
    expect(error(() => options(text))).toBe(
      'config:2: IdentityFile uses ${NOWHERE}, which is not set in the environment',
    )
    expect(error(() => options(text, 'web2'))).toBe(
      'config:4: IdentityFile uses %z, which is not available here; write %% for a plain %',
    )
    expect(error(() => options(text, 'web3'))).toBe(
      'config:6: IdentityFile uses ~root: only your own home directory can be written with ~',
    )
    expect(error(() => options(text, 'web4'))).toBe(
      'config:8: IdentityFile uses %, which is not available here; write %% for a plain %',
    )
    expect(options(text, 'web5')).toEqual({})
  })

  test('an agent may be named by a variable', () => {
    expect(
      ['SSH_AUTH_SOCK', '$AGENT', '${AGENT}', '$NOWHERE', '$EMPTY', '~/a-%r'].map(
        (value) => options(`IdentityAgent ${value}`).identityAgent,
      ),
    ).toEqual(['SSH_AUTH_SOCK', '/run/agent', '/run/agent', 'none', 'none', '/home/ops/a-ops'])
  })
})

describe('what is not supported', () => {
  test('and matters for security is warned of once, where it applies', () => {
    const text =
      'Host web1\n CertificateFile /c\n CertificateFile /d\n VerifyHostKeyDNS yes\n KnownHostsCommand /bin/x %H'
    expect(warnings(text)).toEqual(
      [2, 4, 5].map(
        (line) =>
          `config:${line}: ${['', '', 'CertificateFile', '', 'VerifyHostKeyDNS', 'KnownHostsCommand'][line]} is not supported and has no effect here`,
      ),
    )
    expect(warnings(text, 'web2')).toEqual([])
    expect(warnings('VerifyHostKeyDNS no\nProxyCommand none\nCertificateFile none')).toEqual([])
  })

  test('ProxyCommand and ProxyJump compete, and the first one stands alone', () => {
    const answer = (text: string): unknown => config(text).resolve('x').options
    expect(answer('ProxyJump b\nProxyCommand nc %h %p')).toEqual({ proxyJump: 'b' })
    expect(answer('ProxyJump none\nProxyCommand x\nProxyJump b')).toEqual({ proxyJump: 'none', proxyCommand: 'x' })
    expect(answer('ProxyCommand NONE\nProxyJump b')).toEqual({ proxyCommand: 'none' })
    expect(answer('ProxyCommand  nc  "%h" # x\nProxyJump b')).toEqual({ proxyCommand: 'nc  "%h" # x' })
    expect(answer('Host y\n ProxyCommand x')).toEqual({})
  })

  test('and is known to ssh is read past, whatever its value looks like', () => {
    const text = 'ForwardAgent yes\nLocalCommand echo "\nUseKeychain yes\nIPQoS what\nHashKnownHosts yes'
    expect(config(text).resolve('x')).toEqual({ options: {}, warnings: [], refusals: [], places: {} })
  })

  test('and unknown is ignored with a suggestion, unless IgnoreUnknown says that it is meant', () => {
    expect(warnings('Usr ops\nFrobnicate 3')).toEqual([
      'config:1: unknown keyword Usr is ignored; did you mean User?',
      'config:2: unknown keyword Frobnicate is ignored',
    ])
    expect(warnings('IgnoreUnknown Us*,frob*\nUsr ops\nFrobnicate 3')).toEqual([])
  })

  test('a warning has the same words for every host, so that it can be said once', () => {
    const text = config(
      'Match version x\n Port 3\nMatch all\nStrictHostKeyChecking no\nHost *\n StrictHostKeyChecking off\n CertificateFile x\n Foo bar',
    )
    expect(text.resolve('a').warnings).toEqual(text.resolve('b').warnings)
    expect(text.resolve('a').warnings).toHaveLength(4)
  })
})

describe('names', () => {
  test('outright are those that a Host line spells out and matches', () => {
    const names = config('Host web1 web* !db1 db1 "db2"\nMatch host x\nHost x? bastion')
    expect(names.hosts).toEqual(['web1', 'db2', 'bastion'])
  })

  test('a bare word is one where a Host, Match host or Match originalhost pattern with a literal part matches it', () => {
    const known = (text: string, ...words: string[]): string[] => words.filter((word) => config(text).names(word))
    expect(known('Host dev-*', 'dev-1', 'dev', 'DEV-1', 'x')).toEqual(['dev-1'])
    expect(known('Host *\n User x\nHost ?*\nHost * !y', 'dev-1', 'y')).toEqual([])
    expect(known('Host * dev-?', 'dev-1', 'dev-12')).toEqual(['dev-1'])
    expect(known('Host dev-* !dev-9', 'dev-1', 'dev-9')).toEqual(['dev-1'])
    expect(known('Match host a,dev-* exec false\nMatch originalhost Q?', 'a', 'DEV-1', 'q1', 'q', 'b')).toEqual([
      'a',
      'DEV-1',
      'q1',
    ])
    expect(known('Match !host a user b\nMatch host *', 'a', 'b')).toEqual([])
    expect(known('Host web1 web* !db1 db1 "db2"', 'web1', 'web2', 'db1', 'db2', '*')).toEqual(['web1', 'web2', 'db2'])
  })
})

describe('-o', () => {
  test.each([
    ['Port=2222', { port: 2222 }],
    ['port 2222', { port: 2222 }],
    ['StrictHostKeyChecking=no', { strictHostKeyChecking: 'accept-new' }],
    ['UserKnownHostsFile=/dev/null', { userKnownHostsFiles: ['/dev/null'] }],
    ['IdentityFile=~/.ssh/%h', { identityFiles: ['~/.ssh/%h'] }],
    ['ConnectTimeout=none', {}],
    ['ConnectTimeout=0', {}],
    ['User="a b"', { user: 'a b' }],
    ['BatchMode=yes', { batchMode: true }],
    ['ChallengeResponseAuthentication no', { kbdInteractiveAuthentication: false }],
    ['RemoteCommand = echo "a  b" # c', { remoteCommand: 'echo "a  b" # c' }],
    ['SetEnv=A=1 B="2 3"', { setEnv: ['A=1', 'B=2 3'] }],
    ['Compression=yes', {}],
    ['LogLevel=ERROR', {}],
    ['CheckHostIP=no', {}],
  ])('%s', (text, expected) => {
    expect(parseSshOption(text)).toEqual(expected)
  })

  test.each([
    ['Prot=22', '-o Prot: ssh_config has no such keyword; did you mean Port?'],
    ['ProxyJmp=x', '-o ProxyJmp: ssh_config has no such keyword; did you mean ProxyJump?'],
    ['Frobnicate=x', '-o Frobnicate: ssh_config has no such keyword; docs/ssh-config.md lists them all'],
    ['Match=all', '-o Match: it stands in a file only; name the file with -F FILE'],
    ['Ciphers=+aes128-cbd', '-o Ciphers=+aes128-cbd: names aes128-cbd, which ssh does not know'],
    ['Port', '-o Port: Port has no value'],
    ['Port=x', '-o Port=x: takes a port number from 1 to 65535, not x'],
    ['', '-o : expected KEY=VALUE'],
  ])('%j is refused by name', (text, message) => {
    expect(error(() => parseSshOption(text))).toBe(message)
  })

  test('warns where it is not taken literally', () => {
    expect(sshOptionWarning('StrictHostKeyChecking=off')).toBe(
      '-o StrictHostKeyChecking no is read as accept-new: an unknown host key is recorded, a changed or revoked one is refused',
    )
    expect(sshOptionWarning('StrictHostKeyChecking=yes')).toBeUndefined()
    expect(sshOptionWarning('Port=3')).toBeUndefined()
  })

  test('wins over the files, puts its identity files in the place of theirs, and is expanded for the host', () => {
    const given = {
      options: {
        ...parseSshOption('Port=9'),
        ...parseSshOption('IdentityFile=~/%h-%p'),
        ...parseSshOption('HostName=%h.lan'),
      },
    }
    expect(options('Port 8\nUser u\nIdentityFile /b', 'web1', given)).toEqual({
      port: 9,
      user: 'u',
      hostName: 'web1.lan',
      identityFiles: ['/home/ops/web1.lan-9'],
    })
    expect(error(() => options('', 'web1', { options: { identityFiles: ['/%z'] } }))).toBe(
      '-o: IdentityFile uses %z, which is not available here; write %% for a plain %',
    )
  })
})
