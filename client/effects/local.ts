import type { Agent } from 'node:http';
import { QxError } from '../format/error.ts';
import { networkError, timeoutError } from './network-errors.ts';

/** Services of this machine itself, which health checks ask. */

const LOOPBACK = '127.0.0.1';

/**
 * An agent for one request to 127.0.0.1: no proxy whatever the environment says, a new connection each time.
 * Any certificate will do. Services of a host sign their own, nobody could sign one for 127.0.0.1, and the
 * question is whether the service answers: whoever could answer in its place controls the host already.
 */
export async function localAgent(url: URL): Promise<Agent> {
  if (url.hostname !== LOOPBACK) {
    throw new QxError('defect', 'a local request to another host', { found: url.host });
  }
  const { Agent: Direct } =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  return new Direct({ keepAlive: false, rejectUnauthorized: false });
}

export async function connectLocal(port: number, timeoutMs: number): Promise<void> {
  const { connect } = await import('node:net');
  const url = `tcp://${LOOPBACK}:${port}`;
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: LOOPBACK, port });
    const limit = setTimeout(() => {
      socket.destroy();
      reject(timeoutError(url, 'the host does not answer', timeoutMs));
    }, timeoutMs);
    const over = (settle: () => void): void => {
      clearTimeout(limit);
      socket.destroy();
      settle();
    };
    socket.once('connect', () => over(resolve));
    socket.once('error', (error) => over(() => reject(networkError(url, error))));
  });
}
