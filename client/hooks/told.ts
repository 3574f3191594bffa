import { printable } from '../format/error.ts';
import type { Phase } from './find.ts';
import type { HookRecord } from './record.ts';

/** What a hook is told besides the record of its update. */
export interface Around {
  /** "" on an appliance; the folder that stands for "/" in a sandbox. */
  root: string;
  stateDir: string;
  /** Folder in which each new component's content is reached by its name; null before it is unpacked. */
  contents: string | null;
}

/** For its standard input. */
export function toldAsJson(phase: Phase, record: HookRecord, around: Around): Buffer {
  const { contents } = around;
  const told = {
    schemaVersion: 1,
    phase,
    run: record.run,
    kind: record.kind,
    product: record.product,
    channel: record.channel,
    release: record.release,
    manifest: record.manifest,
    from: record.from,
    to: record.to,
    components: record.components.map((each) => ({
      name: each.name,
      version: each.version,
      kind: each.kind,
      installPath: each.install_path,
      service: each.service ?? null,
      contentSha256: each.content,
      content: contents === null ? null : `${contents}/${each.name}`,
    })),
    stateDir: around.stateDir,
    reason: record.reason ?? null,
  };
  return Buffer.from(`${JSON.stringify(told)}\n`);
}

/** The same in words that a shell can use; nothing of our own environment is among them. */
export function toldAsNames(
  phase: Phase,
  record: HookRecord,
  around: Around,
): Record<string, string> {
  return {
    QX_PHASE: phase,
    QX_RUN: record.run,
    QX_KIND: record.kind,
    QX_PRODUCT: record.product,
    QX_CHANNEL: record.channel,
    QX_RELEASE: String(record.release),
    QX_MANIFEST: record.manifest,
    QX_FROM: record.from ?? '',
    QX_TO: record.to,
    QX_ROOT: around.root,
    QX_STATE_DIR: around.stateDir,
    QX_CONTENTS: around.contents ?? '',
    QX_REASON_CODE: record.reason?.code ?? '',
    QX_REASON: printable(record.reason?.message ?? '', 500),
  };
}
