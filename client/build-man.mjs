// The manual pages of both programs, from the same tables of commands as --help.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const SOURCES = `
export { manPage } from './client/terminal/man-page.ts';
export * as client from './client/cli.ts';
export * as generator from './generator/run.ts';
`;

const PAGES = [
  {
    side: 'client',
    section: 8,
    summary: 'update a Linux appliance from a signed static tree',
    description:
      'Asks a static tree what the channel of this host points to, believes nothing that the pinned trust root does not vouch for, and installs components and system images so that a run which is cut off leaves the old set or the new one. Settings are in /quantix/update.toml or /etc/quantix/update.toml.',
    exitCodes: {
      100: 'only with --exit-code: an update is available',
      101: 'only with --exit-code: a reboot is pending',
    },
    seeAlso: ['cron(8)', 'minisign(1)', 'qx-repo(1)'],
  },
  {
    side: 'generator',
    section: 1,
    summary: 'publish signed updates into a static tree',
    description:
      'Writes signed, content-addressed manifests and objects into the folder public/ of a workspace, which any web server may serve. Settings are in quantix-repo.toml, keys in keys/.',
    seeAlso: ['minisign(1)', 'qx-update(8)'],
  },
];

/**
 * Gives [name, text] of each page. `bundle` makes one ES module of sources; it is put into `folder` for as long
 * as it is read.
 */
export async function manPages(bundle, folder, build) {
  const file = path.join(folder, `.man-${process.pid}.mjs`);
  fs.writeFileSync(file, await bundle(SOURCES));
  try {
    const sources = await import(pathToFileURL(file).href);
    return PAGES.map(({ side, ...page }) => {
      const { SPEC } = sources[side];
      const text = sources.manPage(SPEC, { ...page, ...build });
      return [`${SPEC.program}.${page.section}`, text];
    });
  } finally {
    fs.rmSync(file);
  }
}
