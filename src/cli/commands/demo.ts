/** `xec demo`: the main job on an embedded fleet; all of it is in src/demo/. */
import type { CommandRunner } from '../command.js'

export const demo: CommandRunner = async (io, { options }) => {
  const { runDemo } = await import('../../demo/demo.js')
  return runDemo(io, options)
}
