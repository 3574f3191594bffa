import { schemaPath } from '../../client/format/tree.ts';
import { SCHEMA_TYPES, encodeSchema } from '../schema.ts';
import type { Tree } from './tree.ts';

/** Puts the schemas into the tree where they are missing; one that is there stays as it was published. */
export async function writeSchemas(tree: Tree): Promise<void> {
  for (const type of SCHEMA_TYPES) {
    if ((await tree.info(schemaPath(type))) === null) {
      await tree.write(schemaPath(type), encodeSchema(type));
    }
  }
}
