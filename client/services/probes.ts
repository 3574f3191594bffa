import type { Effects, HttpReply } from '../effects/effects.ts';
import {
  type HttpCheck,
  type ServiceCheck,
  serviceOf,
  type TcpCheck,
} from '../format/health.ts';
import type { Component } from '../format/manifest.ts';
import { shownOutput } from './output.ts';
import type { ServiceManager } from './service-manager.ts';

/** What checks work with. */
export interface HealthContext {
  fx: Effects;
  services: ServiceManager;
  /** Folder of the host's own commands; it need not exist. */
  hooksDir: string;
  /** Folder or file of a component's installed content. */
  contentOf: (component: string) => string;
  /** Ends the checks with its reason. */
  signal?: AbortSignal;
}

/**
 * One try of a check, at most `timeoutMs` long. `output` says why it failed. What it throws is a failure too.
 */
export type Probe = (
  timeoutMs: number,
  tries: number,
) => Promise<{ ok: boolean; output: string }>;

export function serviceProbe(
  { services }: Pick<HealthContext, 'services'>,
  component: Component,
  check: ServiceCheck,
): Probe {
  const service = serviceOf(check, component) ?? '';
  return async () => {
    if (services.kind === 'none') {
      return { ok: true, output: 'left out: this host has no service manager' };
    }
    const { state, output } = await services.status(service);
    if (state === 'running') return { ok: true, output };
    const what = state === 'unknown' ? 'no service of this host' : state;
    return { ok: false, output: output === '' ? what : `${what}: ${output}` };
  };
}

export function tcpProbe({ fx }: Pick<HealthContext, 'fx'>, { port }: TcpCheck): Probe {
  return async (timeoutMs) => {
    await fx.network.connectLocal(port, timeoutMs);
    return { ok: true, output: '' };
  };
}

/** A text is looked for in so much of the answer. */
const BODY_BYTES = 1024 * 1024;

export function httpProbe(
  { fx, signal }: Pick<HealthContext, 'fx' | 'signal'>,
  check: HttpCheck,
): Probe {
  const url = `${check.scheme ?? 'http'}://127.0.0.1:${check.port}${check.path}`;
  return async (timeoutMs) => {
    const reply = await fx.network.request({
      url,
      headers: { 'user-agent': 'qx-update', connection: 'close' },
      connectTimeoutMs: timeoutMs,
      stallTimeoutMs: timeoutMs,
      totalTimeoutMs: timeoutMs,
      local: true,
      signal,
    });
    const fits = fitsStatus(check, reply.status);
    if (fits && check.contains === undefined) {
      reply.discard();
      return { ok: true, output: `status ${reply.status}` };
    }
    return judge(check, fits, reply.status, await beginningOf(reply));
  };
}

function fitsStatus({ status }: HttpCheck, found: number): boolean {
  return status === undefined ? found >= 200 && found < 400 : found === status;
}

function judge(
  check: HttpCheck,
  fits: boolean,
  status: number,
  body: Buffer,
): { ok: boolean; output: string } {
  if (!fits) {
    const expected = check.status ?? '200 to 399';
    const output = `status ${status}, expected ${expected}: ${shownOutput(body)}`;
    return { ok: false, output };
  }
  const contains = check.contains ?? '';
  if (body.includes(contains)) return { ok: true, output: `status ${status}` };
  const output = `the answer does not contain "${contains}": ${shownOutput(body)}`;
  return { ok: false, output };
}

async function beginningOf(reply: HttpReply): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of reply.body) {
    pieces.push(piece);
    size += piece.length;
    if (size >= BODY_BYTES) break;
  }
  return Buffer.concat(pieces);
}
