import { QxError } from '../../client/format/error.ts';
import type { WorkspaceConfig } from '../workspace/config.ts';

/** The only product of the workspace, or the only one that knows all these components. QxError `usage`. */
export function chooseProduct(
  { products }: WorkspaceConfig,
  components: readonly string[],
): string {
  const all = Object.entries(products);
  const knowing = all.filter(([, product]) =>
    components.every((name) => product.components[name] !== undefined),
  );
  const [only, second] = (all.length === 1 ? all : knowing).map(([name]) => name);
  if (only !== undefined && second === undefined) return only;
  throw new QxError('usage', 'which product is this?', {
    expected: `one of ${all.map(([name]) => name).join(', ')}`,
    found: `${components.join(', ')}, which ${only === undefined ? 'none' : 'more than one'} of them has`,
    hint: '--product NAME',
  });
}
