import type { Row } from '../row.ts';
import { download } from './download.ts';
import { growingTree } from './growing-tree.ts';
import { manyClients } from './many-clients.ts';
import { nothingNew } from './nothing-new.ts';
import { publish } from './publish.ts';

/** In the order of the table; a new row is one file here and one line. */
export const ROWS: readonly Row[] = [
  download,
  nothingNew,
  growingTree,
  publish,
  manyClients,
];
