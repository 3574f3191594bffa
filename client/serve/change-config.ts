import * as v from 'valibot';
import type { Context } from '../commands/command.ts';
import { type Config, resolveConfig } from '../config/config.ts';
import { editConfig } from '../config/edit.ts';
import { loadConfigFile, parseConfigFile } from '../config/load.ts';
import type { ConfigKey } from '../config/schema.ts';
import { writeDurably } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { QxError, printable } from '../format/error.ts';
import { absolutePath, name } from '../format/shapes.ts';
import { readCurrent } from '../install/generations.ts';
import { layoutOf } from '../install/layout.ts';
import { lockedIn } from '../session.ts';
import type { Self } from './self.ts';
import { tryOut } from './trial.ts';
import { belowRootless } from './volumes.ts';

/** The body of PUT config; a field that is null is as if it were not there. */
const wishes = v.strictObject({
  serverUrl: v.nullish(v.pipe(v.string(), v.maxLength(2048))),
  channel: v.nullish(name),
  storageLocation: v.nullish(v.picklist(['local', 'volume'])),
  volumePath: v.nullish(absolutePath),
});

/** What is wished for; a field that was null is not there. */
export type Wishes = {
  [K in keyof v.InferOutput<typeof wishes>]: NonNullable<v.InferOutput<typeof wishes>[K]>;
};

/** QxError `usage` for a field that is not known or does not fit. */
export function parseWishes(value: unknown): Wishes {
  const result = v.safeParse(wishes, value, { abortEarly: true });
  if (result.success)
    return Object.fromEntries(
      Object.entries(result.output).filter(([, value]) => value !== null),
    );
  const issue = result.issues[0];
  const field = v.getDotPath(issue) ?? 'the body';
  const unknown = issue.type === 'strict_object' && issue.expected === 'never';
  throw new QxError('usage', unknown ? 'a field that is not known' : 'does not fit', {
    where: printable(field),
    expected: unknown ? Object.keys(wishes.entries).join(', ') : issue.message,
    found: unknown ? undefined : printable(issue.input),
  });
}

/**
 * Writes what is wished into update.toml. QxError `config` for what would leave this host without updates or without
 * what is installed, before anything is written: a place without a release that this host believes, another storage
 * under an installed release, a volume that others could change. `locked` for another storage while a run is at work.
 */
export async function changeConfig(
  context: Context,
  self: Self,
  config: Config,
  wished: Wishes,
): Promise<void> {
  const edits = editsOf(config, wished);
  if (edits.length === 0) return;
  refuseOverridden(config, edits);
  const file = await loadConfigFile(context.fx.files, context.root, context.configFile);
  if (file === null) {
    throw new QxError('config', 'there is no configuration file to write to', {
      hint: 'the settings of this host come from its environment',
    });
  }
  let text = file.text;
  for (const [key, value] of edits) text = editConfig(text, key, value, file.path);
  const next = resolve(context, file.path, text);
  await tryOut(context, self, config, next);
  const write = (): Promise<void> =>
    writeDurably(context.fx.files, file.path, Buffer.from(text), 0o644);
  if (next.componentsDir === config.componentsDir) return write();
  // A run that is under way may be about to install something where it is now.
  await lockedIn(context.fx, config.stateDir, async () => {
    await checkStorage(context, config, next);
    await write();
  });
}

type Edit = [ConfigKey, string | null];

function editsOf(config: Config, wished: Wishes): Edit[] {
  const edits: Edit[] = [];
  const { serverUrl, channel, storageLocation, volumePath } = wished;
  if (serverUrl !== undefined && serverUrl.replace(/\/+$/, '') !== config.mirrors[0]) {
    // The two keys are one list.
    edits.push(['mirrors', null], ['url', serverUrl]);
  }
  if (channel !== undefined && channel !== config.channel)
    edits.push(['channel', channel]);
  const path = storageLocation === 'local' ? null : volumePath;
  if (storageLocation === 'volume' && path === undefined) {
    throw new QxError('usage', 'a volume needs a path', { expected: '"volumePath"' });
  }
  const standing =
    config.origins.storage === undefined
      ? null
      : belowRootless(config.root, config.componentsDir);
  if (path !== undefined && path !== standing) edits.push(['storage', path]);
  return edits;
}

/** A variable or a flag is stronger than the file: the change would be written, and have no effect. */
function refuseOverridden({ origins }: Config, edits: readonly Edit[]): void {
  for (const [key] of edits) {
    const origin = origins[key];
    if (origin !== 'environment' && origin !== 'flag') continue;
    throw new QxError('config', `"${key}" is set by the ${origin} of qx-update serve`, {
      hint: 'what is written into update.toml would have no effect',
    });
  }
}

function resolve({ root, env, machine }: Context, path: string, text: string): Config {
  const sources = { root, configFile: path, flags: {}, env, machine };
  return resolveConfig(sources, path, parseConfigFile(text, path));
}

async function checkStorage(
  { fx }: Context,
  before: Config,
  next: Config,
): Promise<void> {
  const { componentsDir } = next;
  const where = belowRootless(next.root, componentsDir);
  const current = await readCurrent(fx.files, layoutOf(before.componentsDir));
  if (current !== null) {
    throw new QxError('config', 'what is installed lies in the storage that is left', {
      where,
      expected: belowRootless(before.root, before.componentsDir),
      hint: 'go back to what the appliance came with first: qx-update rollback --to baked',
    });
  }
  if (next.origins.storage === undefined) return;
  const info = await fx.files.info(componentsDir);
  if (info?.type !== 'directory') {
    throw new QxError('config', 'no such folder', {
      where,
      hint: 'a volume is made and mounted first',
    });
  }
  await checkLinks(fx.files, componentsDir, where);
}

/** What is installed is links; some file systems have none, and some take nothing at all. */
async function checkLinks(files: Files, folder: string, where: string): Promise<void> {
  const link = `${folder}/.quantix-trial`;
  try {
    await files.remove(link);
    await files.makeLink('.', link);
    await files.remove(link);
  } catch (error) {
    throw new QxError('config', 'this volume cannot be used', {
      where,
      expected: 'a file system that can be written and has links',
      found: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}
