import { decodeContent } from '../content/decode.ts';
import { fileStream } from '../content/stream.ts';
import { syncTree, unpackFolder } from '../content/unpack.ts';
import { discard, listIfThere, removeTree } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { type Component, modeOf } from '../format/manifest.ts';
import { QxError } from '../format/error.ts';
import type { Holdings, PlanStep } from '../policy/plan.ts';
import type { Session } from '../session.ts';
import { inspectContent } from './inspect-content.ts';
import { type Layout, objectFile, storePath } from './layout.ts';

/** What store and staging hold of a release. What was changed in the store since it came there does not count. */
export async function holdingsOf(
  session: Session,
  components: Component[],
): Promise<Omit<Holdings, 'imageBytes'>> {
  const { fx, layout } = session;
  const stored = new Set<string>();
  for (const component of components) {
    if (await isStored(fx.files, layout, component)) stored.add(component.name);
  }
  const staged = new Set<string>();
  const partial = new Map<string, number>();
  for (const name of await listIfThere(fx.files, layout.staging)) {
    const [, object, part] = /^([0-9a-f]{64})(\.part)?$/.exec(name) ?? [];
    if (object === undefined) continue;
    const info = await fx.files.info(`${layout.staging}/${name}`);
    if (info?.type !== 'file' || info.foreign !== undefined) continue;
    if (part === undefined) staged.add(object);
    else partial.set(object, info.size);
  }
  return { stored, staged, partial };
}

async function isStored(
  files: Files,
  layout: Layout,
  component: Component,
): Promise<boolean> {
  const path = storePath(layout, component);
  if ((await files.info(path)) === null) return false;
  const { name, kind, content } = component;
  const mode = kind === 'file' ? modeOf(component) : undefined;
  const signed = { name, kind, sha256: content.sha256, mode };
  return (await inspectContent(files, path, signed)) === null;
}

/**
 * A staged object to its content in the store: decoded beside it, counted, hashed and synced, and only then
 * given its name. An entry of the store is whole or not there.
 */
export async function storeContent(session: Session, step: PlanStep): Promise<void> {
  const { fx, layout } = session;
  const { component, source } = step;
  const object = fileStream(fx.files, objectFile(layout, source.sha256));
  const content = decodeContent(object, source.encoding, component.content);
  const temporary = `${layout.staging}/${component.content.sha256}.new`;
  await removeTree(fx.files, temporary);
  try {
    if (component.kind === 'directory') await storeFolder(session, content, temporary);
    else await storeFile(session, content, temporary, modeOf(component));
  } catch (error) {
    await removeTree(fx.files, temporary);
    if (!(error instanceof QxError)) throw error;
    // Whatever is wrong with these bytes is wrong with the staged object: it must not be found again.
    await fx.files.remove(objectFile(layout, source.sha256));
    throw within(component, error);
  }
  const place = storePath(layout, component);
  const folder = place.slice(0, place.lastIndexOf('/'));
  // Whoever owns it would own what comes into it.
  if ((await fx.files.info(folder))?.foreign !== undefined)
    await discard(fx.files, folder, `${temporary}.old`);
  await fx.files.makeDirectory(folder, 0o755);
  await putInPlace(fx.files, temporary, place);
  await fx.files.syncDirectory(folder);
  await fx.files.syncDirectory(layout.store);
}

/** Over a file that was changed by hand a rename is enough; a folder goes aside first, into staging. */
async function putInPlace(files: Files, temporary: string, place: string): Promise<void> {
  const aside = `${temporary}.old`;
  await removeTree(files, aside);
  if ((await files.info(place))?.type === 'directory') await files.rename(place, aside);
  await files.rename(temporary, place);
  await removeTree(files, aside);
}

/** `where` with the component in front of the file of its folder. */
function within({ name }: Component, error: QxError): QxError {
  const { code, message, where, expected, found, hint } = error;
  const place = `component ${name}${where === undefined ? '' : `: ${where}`}`;
  return new QxError(code, message, {
    where: place,
    expected,
    found,
    hint,
    cause: error,
  });
}

async function storeFolder(
  { fx, signal }: Session,
  content: AsyncIterable<Uint8Array>,
  to: string,
): Promise<void> {
  await unpackFolder(fx.files, untilAborted(content, signal), to);
  await syncTree(fx.files, to);
}

async function storeFile(
  { fx, signal }: Session,
  content: AsyncIterable<Uint8Array>,
  to: string,
  mode: number,
): Promise<void> {
  const file = await fx.files.open(to, 'create', mode);
  try {
    for await (const piece of untilAborted(content, signal)) await file.write(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function* untilAborted(
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield piece;
  }
}

/** Removes what a finished install no longer needs: staging, whole. */
export async function clearStaging(session: Session): Promise<void> {
  await removeTree(session.fx.files, session.layout.staging);
}

export async function makeFolders(session: Session): Promise<void> {
  const { staging, store, generations }: Layout = session.layout;
  for (const folder of [staging, store, generations]) {
    await session.fx.files.makeDirectory(folder, 0o755);
  }
}
