import type { Socket } from 'node:net'

/** By RST. Node leaves a socket open that is reset while its end is on the way: uv_tcp_close_reset refuses, and nobody closes it then. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}
