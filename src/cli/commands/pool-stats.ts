/** `xec pool stats`: what the stats files say. Opens no connection. */
import { readStats } from '../../stats/stats.js'
import { wantsColor } from '../color.js'
import type { CommandRunner } from '../command.js'
import { createPaint } from '../output/paint.js'
import { renderPoolStats } from '../output/pool-stats.js'

export const poolStats: CommandRunner = async (io, { options }) => {
  const view = await readStats({ env: io.env, home: io.home })
  const { stdout, stderr, status } = renderPoolStats(view, {
    json: options.json === true,
    paint: createPaint(wantsColor(options.color, io.env, io.stdout)),
    now: Date.now(),
    columns: io.stdout.isTTY ? io.stdout.columns || 80 : undefined,
  })
  io.stdout.write(stdout)
  io.stderr.write(stderr)
  return status
}
