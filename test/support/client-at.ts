import type { Sabotage } from './broken-client.ts';
import { bundleClient } from './bundle-client.ts';

/**
 * The client as one file whose clock QX_CLOCK sets (the product has no such switch). With sabotages it is a client
 * that leaves something out.
 */
export function buildClientAt(
  outfile: string,
  ...sabotages: Sabotage[]
): Promise<string> {
  return bundleClient('test/support/client-at-main.ts', outfile, sabotages);
}
