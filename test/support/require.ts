/** Programs that a test needs and a machine may lack. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where the PATH has a program; undefined where it is missing. */
export function findProgram(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((dir) => join(dir, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/**
 * A program that the tests of a file need; where it is missing, one loud line says that they are skipped.
 * @param variable with `1` in it a missing program is an error: CI sets it
 */
export function requireProgram(name: string, variable: string): string | undefined {
  const found = findProgram(name)
  if (found !== undefined) return found
  if (process.env[variable] === '1') throw new Error(`${name} is missing and ${variable}=1`)
  process.stderr.write(`\n  SKIPPED: ${name} is not installed, so its tests do not run\n`)
  return undefined
}
