import fs from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import t from 'tap';
import { SCHEMA_TYPES } from '../../generator/schema.ts';
import { makeWorkspace } from '../support/sandbox.ts';

function read(file: string): object {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as object;
}

/** Every JSON file of a tree that is not a schema. */
function documentsOf(tree: string): string[] {
  const files = fs.readdirSync(tree, { recursive: true, encoding: 'utf8' });
  return files.filter((file) => file.endsWith('.json') && !file.startsWith('schema/'));
}

t.test(
  'every published document fits the schema that was published with it',
  async (t) => {
    const dir = t.testdir({
      tool: 'echo 1',
      tool2: 'echo 2',
      ui: { 'index.html': '<p>' },
    });
    const workspace = await makeWorkspace(`${dir}/workspace`);
    const generate = (
      version: string,
      tool: string,
      ...more: string[]
    ): Promise<unknown> =>
      workspace.ok([
        ...['generate', '--product', 'quantix-os', '--version', version],
        ...['--component', `qx-node=${dir}/${tool}`, '--component', `host-ui=${dir}/ui`],
        ...more,
      ]);
    await generate('1.0.0', 'tool', '--channel', 'stable');
    await generate('1.1.0-rc.1', 'tool2', '--channel', 'beta', '--arch', 'aarch64');

    const ajv = new Ajv({ strict: true, allErrors: true });
    addFormats.default(ajv);
    const validators = new Map(
      SCHEMA_TYPES.map((type) => [
        type,
        ajv.compile(read(path.join(workspace.public, `schema/${type}.schema.json`))),
      ]),
    );
    const seen = new Set<string>();
    for (const file of documentsOf(workspace.public)) {
      const document = read(path.join(workspace.public, file)) as { type: string };
      const validate = validators.get(document.type as (typeof SCHEMA_TYPES)[number]);
      seen.add(document.type);
      t.equal(validate?.(document), true, `${file}: ${ajv.errorsText(validate?.errors)}`);
    }
    t.strictSame([...seen].sort(), [...SCHEMA_TYPES].sort(), 'one of each type at least');
  },
);
