import type { ServedReply } from '../effects/effects.ts';
import { busy, holderText } from './apply.ts';
import { statusEvents } from './events.ts';
import * as hostUi from './host-ui.ts';
import { COMMON_HEADERS, json, problem } from './replies.ts';
import type { Service } from './service.ts';
import type { Style } from './settings.ts';
import { sentence } from './standing.ts';
import { checkIn, statusIn } from './styles.ts';
import { belowRootless, listVolumes } from './volumes.ts';

/** The answers that change nothing. */

const STREAMS_MAX = 64;

export async function status(service: Service, style: Style): Promise<ServedReply> {
  return json(200, await statusIn(style, service));
}

export function events(service: Service, style: Style): Promise<ServedReply> {
  if (service.streams >= STREAMS_MAX) {
    const reply = problem(style, {
      status: 503,
      code: 'too_many_streams',
      message: `${STREAMS_MAX} streams are open: ask status from time to time`,
      headers: { 'retry-after': '30' },
    });
    return Promise.resolve(reply);
  }
  const headers = { ...COMMON_HEADERS, 'content-type': 'text/event-stream' };
  const body = (left: AbortSignal): AsyncGenerator<string> =>
    counted(service, style, left);
  return Promise.resolve({ status: 200, headers, body });
}

/** A place is taken until the reader has left. */
async function* counted(
  service: Service,
  style: Style,
  left: AbortSignal,
): AsyncGenerator<string> {
  service.streams += 1;
  try {
    yield* statusEvents(service.fx.clock, left, async () =>
      JSON.stringify(await statusIn(style, service)),
    );
  } finally {
    service.streams -= 1;
  }
}

export async function check(service: Service, style: Style): Promise<ServedReply> {
  const { fx, config } = service;
  const checked = await service.check();
  service.standing.forget();
  if (checked.what === 'busy') {
    const { holder } = await busy(fx, config.stateDir);
    return problem(style, {
      status: 409,
      code: 'update_in_progress',
      message: `nothing can be looked up now: ${holderText(holder)}`,
      more: { holder },
    });
  }
  if (checked.what === 'failed') {
    return problem(style, {
      status: style === 'vdc' ? 500 : 503,
      code: 'update_check_failed',
      message: `failed to check for updates: ${sentence(checked.error)}`,
      more: { reason: checked.error.code },
    });
  }
  return json(200, await checkIn(style, service, checked));
}

export async function current(service: Service): Promise<ServedReply> {
  return json(200, hostUi.currentValue(await service.standing()));
}

export async function version(service: Service): Promise<ServedReply> {
  const { config, hostname } = service;
  return json(200, hostUi.versionValue(await service.standing(), config, hostname));
}

export async function config(service: Service): Promise<ServedReply> {
  const { config: settings, fx } = service;
  const inFile = (path: string): string => belowRootless(settings.root, path);
  const standing = await service.standing();
  return json(200, hostUi.configValue(settings, standing, fx.clock.now(), inFile));
}

export async function volumes({ fx, config: settings }: Service): Promise<ServedReply> {
  return json(200, { volumes: await listVolumes(fx.files, settings) });
}
