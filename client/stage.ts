import type { Component } from './format/manifest.ts';
import { fetchObject } from './install/fetch-object.ts';
import type { Available } from './offer.ts';
import { ensureSpace } from './offer.ts';
import type { Session } from './session.ts';

/** Step 11: every object that the plan lacks, into staging. The number of bytes that came over the network. */
export async function stageObjects(session: Session, offer: Available): Promise<number> {
  const { plan, manifest, version } = offer;
  await ensureSpace(session, plan);
  const places = [
    ...session.sources,
    ...offer.objectBases.map((base) => session.openForeign(base)),
  ];
  const tracker = track(session, version, plan.downloadBytes);
  const fetched = new Set<string>();
  for (const step of plan.steps) {
    const { sha256, size } = step.source;
    if (step.need !== 'download' || fetched.has(sha256)) continue;
    fetched.add(sha256);
    const label = nameOf(step.component, manifest.components.length);
    await tracker.during(step.component.name, label, step.downloadBytes, (onBytes) =>
      fetchObject(session, places, { sha256, size }, onBytes),
    );
  }
  return tracker.bytes();
}

function nameOf(component: Component, count: number): string {
  return count === 1 ? component.name : `${component.name} ${component.version}`;
}

/** The same count goes to the bar on this terminal and to `status` in another. */
function track(session: Session, version: string, totalBytes: number) {
  let downloadedBytes = 0;
  const report = (component: string): Promise<void> =>
    session.activity.report({
      phase: 'downloading',
      component,
      version,
      downloadedBytes,
      totalBytes,
    });
  return {
    bytes: () => downloadedBytes,
    during: async (
      component: string,
      label: string,
      labelBytes: number,
      work: (onBytes: (count: number) => Promise<void>) => Promise<void>,
    ): Promise<void> => {
      const progress = session.out.progress(label, labelBytes);
      await report(component);
      try {
        await work(async (count) => {
          downloadedBytes += count;
          progress.add(count);
          await report(component);
        });
      } finally {
        progress.done();
      }
    },
  };
}
