import type { Config } from '../config/config.ts';
import { listIfThere, readOwnIfThere } from '../effects/durable.ts';
import type { Files } from '../effects/effects.ts';
import { type ClientState, parseClientState } from '../format/client-state.ts';
import { QxError } from '../format/error.ts';
import { LIMITS } from '../format/limits.ts';
import { channelRole, type Root } from '../format/root.ts';
import { verifyRole } from '../format/trust.ts';
import { readJournal } from '../install/journal.ts';
import type { Inspection } from '../install/verify.ts';
import { sha256Hex } from '../reader/signatures.ts';
import { GENERATION_FILES } from './state-store.ts';
import {
  manifestFile,
  pointerFile,
  readDocument,
  readRoot,
  trustDir,
} from './trust-store.ts';

/** What is held against the trust root: where it lies below the state folder, and whose word it is. */
interface Kept {
  path: string;
  role: string;
  /** SHA-256 that it had when it was verified. */
  sha256: string;
  maxBytes: number;
}

/**
 * Both generations of the state, the journal, every stored root, and every stored document with its signatures. `leftovers` are
 * documents that are fetched again.
 */
export async function inspectState(
  files: Files,
  config: Config,
  root: Root,
  state: ClientState,
): Promise<Inspection & { leftovers: string[] }> {
  const { stateDir } = config;
  const inspection = { checked: [] as string[], problems: [] as QxError[] };
  const leftovers: string[] = [];
  const look = async (path: string, work: () => Promise<unknown>): Promise<void> => {
    inspection.checked.push(path);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof QxError)) throw error;
      inspection.problems.push(error);
    }
  };
  for (const name of GENERATION_FILES) {
    const path = `${stateDir}/${name}`;
    await look(name, () => checkState(files, path));
  }
  await look('journal.json', () => readJournal(files, stateDir));
  const roots = trustDir(stateDir, root.repository);
  for (const name of await listIfThere(files, roots))
    if (name.endsWith('.json'))
      await look(`trust/${name}`, () => checkRoot(files, `${roots}/${name}`, root));
  for (const kept of await keptDocuments(files, config, root, state))
    await look(kept.path.slice(stateDir.length + 1), async () => {
      if (!(await isSound(files, kept, root))) leftovers.push(kept.path);
    });
  return { ...inspection, leftovers };
}

async function checkState(files: Files, path: string): Promise<void> {
  const bytes = await readOwnIfThere(files, path, LIMITS.clientStateBytes);
  try {
    if (bytes !== null) parseClientState(bytes, path);
  } catch (cause) {
    throw new QxError('local-state', 'one of the two states cannot be read', {
      where: path,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: 'the other one counts, and this one is the next to be written over',
      cause,
    });
  }
}

async function checkRoot(files: Files, path: string, trusted: Root): Promise<void> {
  const root = (await readRoot(files, path))?.root;
  const named = Number(/(\d+)\.json$/.exec(path)?.[1]);
  if (root?.repository === trusted.repository && root.version === named) return;
  throw new QxError('local-state', 'a stored trust root is not what its name says', {
    where: path,
  });
}

/** The pointer of each channel that the state remembers, and the manifests. */
async function keptDocuments(
  files: Files,
  { stateDir }: Config,
  root: Root,
  state: ClientState,
): Promise<Kept[]> {
  const pointers = state.repositories[root.repository]?.pointers ?? {};
  const kept: Kept[] = Object.entries(pointers).map(([slot, { sha256 }]) => {
    const [product = '', channel = ''] = slot.split('/');
    const path = pointerFile(stateDir, product, channel);
    const maxBytes = LIMITS.pointerBytes;
    return { path, role: channelRole(root, channel), sha256, maxBytes };
  });
  for (const name of await listIfThere(files, `${stateDir}/manifests`)) {
    const sha256 = /^([0-9a-f]{64})\./.exec(name)?.[1];
    if (sha256 === undefined || kept.some((each) => each.sha256 === sha256)) continue;
    const path = manifestFile(stateDir, sha256);
    kept.push({ path, role: 'release', sha256, maxBytes: LIMITS.manifestBytes });
  }
  return kept;
}

/**
 * False for what a run that was cut off leaves: one half of the pair, or halves that do not belong together; and for
 * what a newer root does not vouch for. It is fetched again. QxError `digest` for bytes that nobody vouches for.
 */
async function isSound(files: Files, kept: Kept, root: Root): Promise<boolean> {
  const document = await readDocument(files, kept.path, kept.maxBytes);
  if (document === null) return false;
  const where = `${kept.path}.json`;
  const found = sha256Hex(document.bytes);
  const known = found === kept.sha256;
  try {
    verifyRole(root, kept.role, document.bytes, document.blocks, where);
    return known;
  } catch (cause) {
    if (known) return false;
    throw new QxError('digest', 'a stored document is not what was verified', {
      where,
      expected: kept.sha256,
      found,
      hint: 'nothing trusts it as it is: the next run fetches it again; look after the disk',
      cause,
    });
  }
}
