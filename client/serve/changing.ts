import type { ServedReply } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { busy, holderText, type Holder } from './apply.ts';
import { changeConfig, parseWishes } from './change-config.ts';
import * as read from './reading.ts';
import { json, problem } from './replies.ts';
import type { Service } from './service.ts';
import type { Style } from './settings.ts';
import { readStanding, sentence } from './standing.ts';

/** The answers that follow a change. Each change is made by a run of this program, or is one file written whole. */

export async function apply(
  service: Service,
  style: Style,
  body: object | undefined,
): Promise<ServedReply> {
  refuseFields(body);
  const applied = await service.apply(service.config);
  service.standing.forget();
  if (applied.what === 'busy') return inProgress(style, applied.holder);
  if (applied.what === 'failed') {
    const { error } = applied;
    const message = `the update was not started: ${sentence(error)}`;
    return problem(style, {
      status: error.code === 'deferred' ? 409 : 503,
      code: error.code === 'deferred' ? 'not_now' : 'update_failed',
      message,
      more: { status: 'error', reason: error.code },
    });
  }
  if (style === 'vdc') {
    return json(200, { status: 'applying', message: 'update started in background' });
  }
  if (applied.what === 'done')
    return json(200, { status: 'success', message: applied.message });
  const message = 'update started; poll /api/v1/updates/status for its progress';
  return json(200, { status: 'started', message });
}

function inProgress(style: Style, holder: Holder): ServedReply {
  return problem(style, {
    status: 409,
    code: 'update_in_progress',
    message: `an update is already in progress: ${holderText(holder)}`,
    more: { status: 'error', holder },
  });
}

/** Nothing sticks here: what there is to clear is the last refusal, and what a run that was cut off has left. */
export async function reset(
  service: Service,
  style: Style,
  body: object | undefined,
): Promise<ServedReply> {
  refuseFields(body);
  const { fx, self } = service;
  const before = (await readStanding(fx, service.config)).phase;
  const { status, error } = await self.run(['recover', '--clear']);
  service.standing.forget();
  if (status === 32)
    return inProgress(style, (await busy(fx, service.config.stateDir)).holder);
  if (status !== 0) {
    const told = error ?? { code: 'defect', message: 'it took too long' };
    const message = `the status was not reset: ${sentence(told)}`;
    return problem(style, { status: 503, code: 'reset_failed', message });
  }
  const after = (await service.standing()).phase;
  return json(200, {
    success: true,
    message: 'the last refusal is forgotten, and nothing is left half done',
    previousStatus: before,
    currentStatus: after,
  });
}

/** Answers with the settings as they are from now on. */
export async function config(
  service: Service,
  style: Style,
  body: object | undefined,
): Promise<ServedReply> {
  const wished = parseWishes(body);
  const { context, self } = service;
  try {
    await changeConfig(context, self, service.config, wished);
  } catch (error) {
    if (!(error instanceof QxError)) throw error;
    if (error.code === 'locked') {
      const { holder } = await busy(service.fx, service.config.stateDir);
      return inProgress(style, holder);
    }
    if (error.code !== 'config') throw error;
    return problem(style, {
      status: 422,
      code: 'config_refused',
      message: sentence(error),
    });
  }
  await service.reload();
  return read.config(service);
}

/** A body that says something would be taken for more than it is. */
function refuseFields(body: object | undefined): void {
  const [field] = Object.keys(body ?? {});
  if (field === undefined) return;
  throw new QxError('usage', 'a field that is not known', {
    where: printable(field),
    expected: 'no body, or {}',
  });
}
