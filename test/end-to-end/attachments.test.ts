import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { sha256 } from '../support/forge.ts';
import { makeHost, makeWorkspace } from '../support/sandbox.ts';
import { ROOT } from '../support/setup.mjs';

/** From the file that a build wrote to the person who asks a host, long after, what is in it. */

interface Release {
  version: string;
  attachments: {
    kind: string;
    mediaType: string | null;
    sha256: string;
    urls: string[];
  }[];
}

t.test(
  'a host says which documents belong to what it installed, and where',
  async (t) => {
    const dir = t.testdir();
    const workspace = await makeWorkspace(path.join(dir, 'updates'));
    const node = path.join(dir, 'qx-node');
    const publish = async (version: string, ...more: string[]): Promise<void> => {
      fs.writeFileSync(node, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
      const what = [
        '--product',
        'quantix-os',
        '--version',
        version,
        '--channel',
        'stable',
      ];
      await workspace.ok([
        'generate',
        ...what,
        '--component',
        `qx-node=${node}`,
        ...more,
      ]);
    };
    const sbom = path.join(ROOT, 'test/vectors/attachments/bom.spdx');
    const provenance = path.join(ROOT, 'test/vectors/attachments/build.intoto.json');
    const url = `file://${workspace.public}`;
    const host = makeHost(path.join(dir, 'host'), {
      url,
      root: path.join(workspace.public, 'root/1.json'),
    });
    const apply = async (): Promise<void> => {
      const { status, stderr } = await host.run(['apply']);
      t.equal(status, 0, stderr);
    };
    await publish('1.0.0');
    await apply();
    const none = await host.run(['history', '--attachments']);
    t.match(none.stdout, /^nothing was published beside/);
    const files = [`sbom=${sbom}`, `provenance=${provenance}`];
    await publish('1.1.0', ...files.flatMap((pair) => ['--attach', pair]));
    await apply();

    const asked = await host.run(['history', '--attachments', '--json']);
    const { releases } = JSON.parse(asked.stdout) as { releases: Release[] };
    const [release] = releases;
    t.equal(releases.length, 1, 'a release without any is left out');
    t.match(release, {
      version: '1.1.0',
      attachments: [
        { kind: 'sbom', mediaType: 'text/spdx', size: fs.statSync(sbom).size },
        { kind: 'provenance', mediaType: 'application/vnd.in-toto+json' },
      ],
    });
    for (const [at, file] of [sbom, provenance].entries()) {
      const each = release?.attachments[at];
      const bytes = fs.readFileSync(new URL(each?.urls[0] ?? ''));
      t.ok(bytes.equals(fs.readFileSync(file)), 'what is there is what the build wrote');
      t.equal(sha256(bytes), each?.sha256);
    }

    const mirrors = [url, 'https://me:secret@mirror.example.org/os?token=secret'];
    fs.writeFileSync(
      host.path('/quantix/update.toml'),
      `mirrors = ${JSON.stringify(mirrors)}\nproduct = "quantix-os"\n`,
    );
    const { stdout } = await host.run(['history', '--attachments']);
    const object = `objects/${sha256(fs.readFileSync(sbom)).slice(0, 2)}/`;
    t.match(stdout, /^quantix-os 1\.1\.0, installed 20/);
    t.match(stdout, / {2}sbom {2}text\/spdx, \d+ B\n {4}sha256 [0-9a-f]{64}\n/);
    t.match(stdout, `\n    https://mirror.example.org/os/${object}`);
    t.notMatch(stdout, /secret/);
  },
);
