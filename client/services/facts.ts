import * as v from 'valibot';
import type { Config } from '../config/config.ts';
import type { Effects } from '../effects/effects.ts';
import type { Manifest } from '../format/manifest.ts';
import { version } from '../format/shapes.ts';
import type { Generation } from '../install/generations.ts';
import type { KnownVersions } from '../policy/dependencies.ts';
import { hookFile } from './command-probe.ts';
import { shownOutput } from './output.ts';

/** Which version another product has: what the configuration says, else what a program of the host finds out. */

/** In hooks.d, beside the phases: one program for each product. */
export const FACTS_FOLDER = 'facts';

const TIMEOUT_MS = 30_000;

type Fact = { version: string } | { unknown: string };

/** What a release's dependencies are held against. Only the products that it names are asked for. */
export async function knownVersions(
  fx: Effects,
  config: Config,
  { dependencies = [] }: Manifest,
  installed: { version: string | undefined; components: Generation['entries'] },
): Promise<KnownVersions> {
  const products = new Map<string, string>();
  const unknown = new Map<string, string>();
  for (const { product } of dependencies) {
    if (product === undefined) continue;
    const own = product === config.product ? installed.version : undefined;
    const fact = own === undefined ? await factOf(fx, config, product) : { version: own };
    if ('version' in fact) products.set(product, fact.version);
    else unknown.set(product, fact.unknown);
  }
  const components = new Map(Object.entries(config.facts));
  for (const { name, version } of installed.components)
    if (version !== undefined) components.set(name, version);
  return { components, products, unknown };
}

async function factOf(
  fx: Effects,
  { facts, hooksDir }: Pick<Config, 'facts' | 'hooksDir'>,
  product: string,
): Promise<Fact> {
  const told = facts[product];
  return told === undefined
    ? ask(fx, `${hooksDir}/${FACTS_FOLDER}`, product)
    : { version: told };
}

/** `hooks.d/facts/PRODUCT` prints the version on its first line and ends with 0. */
async function ask(fx: Effects, folder: string, product: string): Promise<Fact> {
  const file = await hookFile(fx, folder, product);
  if ('refused' in file) return { unknown: file.refused };
  const { status, timedOut, stdout, stderr } = await fx.processes.run(file.path, [], {
    timeoutMs: TIMEOUT_MS,
    input: Buffer.from(
      `${JSON.stringify({ schemaVersion: 1, phase: 'facts', product })}\n`,
    ),
  });
  if (timedOut) return { unknown: `${file.path}: no end after ${TIMEOUT_MS / 1000} s` };
  const line = stdout.toString('utf8').split('\n')[0]?.trim() ?? '';
  if (status === 0 && v.is(version, line)) return { version: line };
  const said = shownOutput(stdout, stderr);
  return { unknown: `${file.path} ended with ${status ?? 'a signal'}: ${said}` };
}
