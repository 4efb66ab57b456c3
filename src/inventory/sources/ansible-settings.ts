/**
 * Ansible's connection variables as settings of a host. Where Ansible has several names for one thing, the last of its
 * list counts (`_loop_entries` of its configuration). Pure.
 */
import { isIP } from 'node:net'
import { messageOf } from '../../errors.js'
import type { HostSettings, PlainValue } from '../inventory.js'
import { obstacleOf, plainOf, type Variable, type Variables } from './ansible-values.js'
import { readSshArguments } from './ssh-arguments.js'
import { defined, settingsOfOptions } from './ssh-settings.js'

/** Names in the order of Ansible's ssh plugin. */
const NAMES = {
  host: ['ansible_host', 'ansible_ssh_host'],
  port: ['ansible_port', 'ansible_ssh_port'],
  username: ['ansible_user', 'ansible_ssh_user'],
  password: ['ansible_password', 'ansible_ssh_pass', 'ansible_ssh_password'],
  privateKey: ['ansible_private_key_file', 'ansible_ssh_private_key_file'],
} as const

const HOST_KEY_CHECKING = ['ansible_host_key_checking', 'ansible_ssh_host_key_checking']
/** The order of ssh's command line, as Ansible builds it. */
const ARGUMENTS = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args']
const CONNECTION = 'ansible_connection'
const OVER_SSH = /^(?:ansible\.(?:builtin|netcommon)\.)?(?:ssh|smart|paramiko|paramiko_ssh)$/
/** They are secrets, so that they are no variables of templates. */
const SECRET_NAMES = new Set<string>([
  ...NAMES.password,
  'ansible_become_password',
  'ansible_become_pass',
  'ansible_sudo_pass',
  'ansible_su_pass',
])

export interface AnsibleHost {
  readonly settings: HostSettings
  readonly warnings: readonly string[]
  /** Where a password stands in plain text; undefined without one. */
  readonly secretPlace: string | undefined
}

/** A value that cannot be used is a fault of its key, which counts where nothing above says the key. */
export function hostOfVariables(vars: Variables): AnsibleHost {
  return new VariableReader(vars).host()
}

/** A text as it is, anything else as JSON. */
function textOf(value: unknown): string {
  const plain = plainOf(value)
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}

class VariableReader {
  readonly #faults: Record<string, string> = {}
  readonly #warnings: string[] = []

  constructor(private readonly vars: Variables) {}

  host(): AnsibleHost {
    const password = this.#text('password', NAMES.password)
    const privateKey = this.#text('privateKey', NAMES.privateKey)
    const own = defined<HostSettings>({
      host: this.#address(),
      port: this.#port(),
      username: this.#text('username', NAMES.username),
      password: password === undefined ? undefined : { kind: 'plain', value: password },
      privateKey: privateKey === undefined ? undefined : { kind: 'plain', value: privateKey },
      strictHostKeyChecking: this.#checking(),
    })
    const settings = defined<HostSettings>({
      ...this.#arguments(),
      ...own,
      vars: this.#plainVariables(),
      notDialled: this.#notDialled(),
      faults: Object.keys(this.#faults).length > 0 ? this.#faults : undefined,
    })
    return {
      settings,
      warnings: this.#warnings,
      secretPlace: password === undefined ? undefined : this.#last(NAMES.password)?.[1].place,
    }
  }

  /** The variable that counts among several names. */
  #last(names: readonly string[]): readonly [string, Variable] | undefined {
    for (const name of [...names].reverse()) {
      const found = this.vars.get(name)
      if (found && found.value !== null) return [name, found]
    }
    return undefined
  }

  /** A plain text or number; anything else is a fault of the key. */
  #text(key: keyof HostSettings, names: readonly string[]): string | undefined {
    const found = this.#last(names)
    if (!found) return undefined
    const [name, { value, place }] = found
    const obstacle = obstacleOf(value)
    if (obstacle !== undefined) return this.#fault(key, `${place}: ${name} ${obstacle}`)
    const plain = plainOf(value)
    if (typeof plain === 'string' || typeof plain === 'number') {
      const text = String(plain)
      return text.trim() === '' ? undefined : text
    }
    return this.#fault(key, `${place}: ${name} must be a text, not ${Array.isArray(plain) ? 'a list' : typeof plain}`)
  }

  #address(): string | undefined {
    const text = this.#text('host', NAMES.host)
    if (text === undefined) return undefined
    const bare = /^\[(.*)\]$/.exec(text)?.[1]
    const address = bare !== undefined && isIP(bare) ? bare : text
    return /[\s\0/@]|^-/.test(address)
      ? this.#fault(
          'host',
          `${this.#placed(NAMES.host)} must be a host name or an address, not ${JSON.stringify(text)}`,
        )
      : address
  }

  #port(): number | undefined {
    const text = this.#text('port', NAMES.port)
    if (text === undefined) return undefined
    const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : 0
    return port >= 1 && port <= 65_535
      ? port
      : this.#fault('port', `${this.#placed(NAMES.port)} must be a port from 1 to 65535, not ${JSON.stringify(text)}`)
  }

  /** False means what StrictHostKeyChecking no means here. */
  #checking(): HostSettings['strictHostKeyChecking'] {
    const found = this.#last(HOST_KEY_CHECKING)
    if (!found || obstacleOf(found[1].value) !== undefined) return undefined
    return /^(?:false|no|off|0|n|f)$/i.test(textOf(found[1].value)) ? 'accept-new' : undefined
  }

  #arguments(): HostSettings {
    let settings: HostSettings = {}
    for (const name of ARGUMENTS) {
      const found = this.vars.get(name)
      const text = this.#text('proxyJump', [name])
      if (!found || text === undefined) continue
      try {
        const { options, notes } = readSshArguments(text)
        for (const note of notes) this.#warnings.push(`${found.place}: ${name}: ${note}`)
        const { proxyJump, proxyCommand, ...rest } = settingsOfOptions(options, `${found.place}: ${name}`)
        const hasWay = settings.proxyJump !== undefined || settings.proxyCommand !== undefined
        const way = hasWay ? {} : defined({ proxyJump, proxyCommand })
        settings = { ...rest, ...way, ...settings }
      } catch (error) {
        this.#fault('proxyJump', `${found.place}: ${name}: ${messageOf(error)}`)
      }
    }
    return settings
  }

  #notDialled(): string | undefined {
    const found = this.vars.get(CONNECTION)
    if (!found || found.value === null) return undefined
    const { value, place } = found
    const obstacle = obstacleOf(value)
    if (obstacle !== undefined) {
      this.#fault('host', `${place}: ${CONNECTION} ${obstacle}`)
      return undefined
    }
    const connection = textOf(value)
    if (OVER_SSH.test(connection)) return undefined
    const why = /(?:^|\.)local$/.test(connection)
      ? 'this machine itself is meant, and xec only dials'
      : 'xec speaks SSH only'
    return `${place}: ${CONNECTION} is ${connection}: ${why}`
  }

  /** What is encrypted or a template is left out: its value is not known. */
  #plainVariables(): Readonly<Record<string, PlainValue>> | undefined {
    const plain = [...this.vars]
      .filter(([name, { value }]) => name !== '__proto__' && !SECRET_NAMES.has(name) && obstacleOf(value) === undefined)
      .map(([name, { value }]) => [name, plainOf(value)] as const)
    return plain.length > 0 ? Object.fromEntries(plain) : undefined
  }

  #placed(names: readonly string[]): string {
    const [name = '', variable] = this.#last(names) ?? []
    return `${variable?.place ?? ''}: ${name}`
  }

  #fault(key: keyof HostSettings, problem: string): undefined {
    this.#faults[key] ??= problem
    return undefined
  }
}
