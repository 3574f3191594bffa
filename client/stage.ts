import type { Component } from './format/manifest.ts';
import { fetchInto } from './install/fetch-object.ts';
import { stagedObject } from './install/staged-object.ts';
import type { Available } from './offer.ts';
import { ensureSpace } from './offer.ts';
import type { Source } from './reader/source.ts';
import type { Session } from './session.ts';

/** Where the objects of a release may lie; asked anew for each, because a place that failed comes last. */
export function placesOf(session: Session, offer: Available): () => Source[] {
  const foreign = offer.objectBases.map((base) => session.openForeign(base));
  return () => session.mirrors.inOrder(foreign);
}

/** Step 11: every object of a component that the plan lacks, into staging. */
export async function stageObjects(
  session: Session,
  offer: Available,
  tracker: Tracker,
): Promise<void> {
  const { plan, manifest } = offer;
  await ensureSpace(session, plan);
  const places = placesOf(session, offer);
  const fetched = new Set<string>();
  for (const step of plan.steps) {
    const { sha256, size } = step.source;
    if (step.need !== 'download' || fetched.has(sha256)) continue;
    fetched.add(sha256);
    const object = { sha256, size };
    const label = nameOf(step.component, manifest.components.length);
    await tracker.during(step.component.name, label, step.downloadBytes, (onBytes) =>
      fetchInto(session, places(), object, stagedObject(session, object), onBytes),
    );
  }
}

function nameOf(component: Component, count: number): string {
  return count === 1 ? component.name : `${component.name} ${component.version}`;
}

export type Tracker = ReturnType<typeof track>;

/** The same count goes to the bar on this terminal and to `status` in another. */
export function track(session: Session, version: string, totalBytes: number) {
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
    /** That came over the network. */
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
