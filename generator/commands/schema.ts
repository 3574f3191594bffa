import { QxError } from '../../client/format/error.ts';
import { SCHEMA_TYPES, jsonSchema } from '../schema.ts';
import type { Command } from './command.ts';

export const schema: Command = {
  name: 'schema',
  args: '[type]',
  values: { type: SCHEMA_TYPES },
  describe: `Print the JSON Schema of a document (${SCHEMA_TYPES.join(', ')}), or all of them`,
  examples: ['schema pointer', 'schema > schemas.json'],
  next: ['verify'],
  run: (_context, [type]) => {
    if (type === undefined) {
      const all = Object.fromEntries(
        SCHEMA_TYPES.map((each) => [each, jsonSchema(each)]),
      );
      return Promise.resolve({
        value: { schemas: all },
        text: JSON.stringify(all, null, 2),
      });
    }
    const known = SCHEMA_TYPES.find((each) => each === type);
    if (known === undefined) {
      throw new QxError('usage', 'no such document', {
        expected: SCHEMA_TYPES.join(', '),
        found: type,
      });
    }
    const value = jsonSchema(known);
    return Promise.resolve({
      value: { schema: value },
      text: JSON.stringify(value, null, 2),
    });
  },
};
