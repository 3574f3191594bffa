import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../support/setup.mjs';

const FILE = path.join(ROOT, 'node_modules/.cache/quantix-fuzz/progress.json');

/** How far a long run has come. Written after each stretch, so that a stopped run goes on from there. */
export interface Progress {
  /** Digest of all sources: what was tried of others says nothing of these. */
  sources: string;
  seed: number;
  /** Cases that are done, by target: all below this number. */
  done: Record<string, number>;
  /** What was told of each failure so far. */
  failures: string[];
}

/** The progress of a stopped run, or a new one. */
export function loadProgress(seed: number | undefined): Progress {
  const sources = digestOfSources();
  const stopped = readProgress();
  const fits =
    stopped?.sources === sources && (seed === undefined || stopped.seed === seed);
  if (stopped !== null && fits) return stopped;
  return { sources, seed: seed ?? Math.floor(Date.now() / 1000), done: {}, failures: [] };
}

export function saveProgress(progress: Progress): void {
  fs.mkdirSync(path.dirname(FILE), { recursive: true });
  fs.writeFileSync(`${FILE}.new`, JSON.stringify(progress));
  fs.renameSync(`${FILE}.new`, FILE);
}

export function endProgress(): void {
  fs.rmSync(FILE, { force: true });
}

function readProgress(): Progress | null {
  if (!fs.existsSync(FILE)) return null;
  return JSON.parse(fs.readFileSync(FILE, 'utf8')) as Progress;
}

function digestOfSources(): string {
  const hash = crypto.createHash('sha256');
  for (const folder of ['client', 'generator', 'test/fuzz', 'test/support']) {
    const names = fs.readdirSync(path.join(ROOT, folder), {
      recursive: true,
      encoding: 'utf8',
    });
    for (const name of names.filter((each) => /\.m?ts$/.test(each)).sort())
      hash.update(name).update(fs.readFileSync(path.join(ROOT, folder, name)));
  }
  return hash.digest('hex');
}
