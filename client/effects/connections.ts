import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface Connections {
  /** A request on this connection is being answered; what it gives is called when that is over. */
  use(socket: Socket): () => void;
  closeAll(): void;
}

/** A connection below TLS and the same one above it have these in common. */
type Key = string | Socket;

function keyOf(socket: Socket): Key {
  const { remoteAddress, remotePort, localAddress } = socket;
  if (remotePort === undefined) return socket;
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

/**
 * At most `max` connections. One more takes the place of the oldest on which nothing is being answered: so those who
 * open connections and say nothing, or a letter a second, shut out only themselves.
 */
export function limitConnections(server: Server, max: number): Connections {
  const open = new Map<Key, { socket: Socket; answering: number }>();
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    open.set(key, { socket, answering: 0 });
    socket.on('close', () => open.delete(key));
    // What goes wrong with one connection concerns nobody else.
    socket.on('error', () => undefined);
    if (open.size <= max) return;
    const [leaves, entry] = [...open].find(([, { answering }]) => answering === 0) ?? [
      key,
      { socket },
    ];
    open.delete(leaves);
    entry.socket.destroy();
  });
  return {
    use: (socket) => {
      const entry = open.get(keyOf(socket));
      if (entry !== undefined) entry.answering += 1;
      return () => {
        if (entry !== undefined) entry.answering -= 1;
      };
    },
    closeAll: () => {
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}
