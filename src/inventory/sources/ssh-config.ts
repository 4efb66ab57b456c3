/** The outright hosts of an ssh_config file: what its Host lines name without a wildcard. */
import type { SshConfig } from '../../openssh/ssh-config.js'
import type { HostSettings } from '../inventory.js'
import { checkName } from '../names.js'
import type { Source } from './source.js'
import { settingsOfOptions } from './ssh-settings.js'

/**
 * @param isUsual the file is one that every host is looked up in anyway, so that only its names are new
 */
export function hostsOfSshConfig(file: string, config: SshConfig, isUsual: boolean): Source {
  const hosts = new Map<string, HostSettings>()
  const warnings = new Set<string>()
  for (const name of config.hosts) {
    const problem = checkName(name)
    if (problem !== undefined) {
      warnings.add(`${file}: ${problem}, and the host is passed over`)
      continue
    }
    if (isUsual) {
      hosts.set(name, {})
      continue
    }
    const { options, warnings: found, refusals, places } = config.resolve(name)
    for (const warning of found) warnings.add(warning)
    const [refusal] = refusals
    const settings = settingsOfOptions(options, places.proxyCommand ?? file)
    hosts.set(name, Object.freeze(refusal ? { ...settings, faults: { host: refusal.problem } } : settings))
    if ((options.identityFiles?.length ?? 0) > 1)
      warnings.add(`${file}: ${name} has several IdentityFile; the first is used`)
  }
  return { hosts, groups: new Map(), warnings: [...warnings], secretFiles: new Set() }
}
