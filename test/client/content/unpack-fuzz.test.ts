import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { hashPieces } from '../../../client/content/hash.ts';
import { hashFolder } from '../../../client/content/pack.ts';
import { unpackFolder } from '../../../client/content/unpack.ts';
import { nodeFiles } from '../../../client/effects/files.ts';
import { QxError } from '../../../client/format/error.ts';
import { seeded } from '../../support/seeded.ts';
import { snapshot } from '../../support/snapshot.ts';
import { mutantArchive } from '../../support/tar-mutants.ts';

// Thousands of small folders: seconds on an idle disk, more on a busy one.
t.setTimeout(300_000);

const files = nodeFiles();

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

t.test(
  '2,000 seeded mutants: a folder that packs to the same bytes, or a QxError',
  async (t) => {
    const seed = 7_041_776;
    const chance = seeded(seed);
    const base = t.testdir({ keep: 'me', etc: { passwd: 'root' } });
    const destination = path.join(base, 'deep', 'out');
    fs.mkdirSync(path.dirname(destination));
    const before = snapshot(base);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 2000; round += 1) {
      const bytes = mutantArchive(chance);
      let kind = 'accepted';
      try {
        await unpackFolder(files, once(bytes), destination);
        const again = await hashFolder(files, destination);
        if (again.sha256 !== (await hashPieces(once(bytes))).sha256) {
          t.fail(`seed ${seed} round ${round}: packs to other bytes`);
        }
      } catch (error) {
        if (!(error instanceof QxError)) throw error;
        if (error.code !== 'malformed' && error.code !== 'digest') {
          t.fail(`seed ${seed} round ${round}: ${error.code} ${error.message}`);
        }
        kind = error.message;
      }
      fs.rmSync(destination, { recursive: true, force: true });
      if (round % 50 === 49) {
        t.same(snapshot(base), before, `seed ${seed}: nothing outside by round ${round}`);
      }
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    t.ok((kinds.get('accepted') ?? 0) > 20, 'some mutants are canonical');
    t.ok(kinds.size > 10, 'and the others fail in many ways');
    t.comment(JSON.stringify(Object.fromEntries(kinds), null, 1));
  },
);
