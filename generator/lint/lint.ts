import type { Context } from '../context.ts';
import { judge } from '../release/sign-document.ts';
import { judgeRoot } from '../root/sign-root.ts';
import { keyNames } from '../keys/key-names.ts';
import { listPending, roleOf } from '../workspace/pending.ts';
import type { Workspace } from '../workspace/workspace.ts';
import type { TreePlace } from '../check/place.ts';
import { type Problem, Problems } from '../check/problems.ts';
import type { PinnedRoot } from '../check/roots.ts';
import { type Survey, surveyTree } from '../check/survey.ts';
import { wantedObjects } from '../check/wanted-objects.ts';
import {
  lintLife,
  lintPages,
  lintRoles,
  lintSettings,
  lintSigning,
  lintSizes,
  lintUnreferenced,
} from './rules.ts';
import { lintStranded } from './stranded.ts';
import { lintKeyModes, lintSecrets } from './secrets.ts';

export interface Linted {
  survey: Survey;
  problems: Problems;
}

const ROOT_DAYS = 3 * 365;

/** Everything that makes a tree bad to publish or to live with. Objects are not read. */
export async function lintTree(
  context: Context,
  place: TreePlace,
  pinned: PinnedRoot | null,
): Promise<Linted> {
  const { effects } = context;
  const found = new Problems(place.source.base);
  const nowMs = effects.clock.now();
  const limits = { nowMs, minLifeMs: 0 };
  const survey = await surveyTree({ effects, place, pinned, limits, problems: found });
  const wanted = wantedObjects(survey.manifests, new Set(), found);
  const problems = new Problems(place.source.base);
  for (const problem of found.all) problems.add(...asLint(problem));
  lintLife(survey, place.workspace?.config.root_days ?? ROOT_DAYS, nowMs, problems);
  lintPages(survey, problems);
  lintSizes(wanted, problems);
  lintUnreferenced(survey, wanted, problems);
  lintRoles(survey, problems);
  lintStranded(survey, problems);
  if (place.folder !== null)
    await lintSecrets(effects.files, place.folder, survey.files ?? [], problems);
  if (place.workspace !== null) await lintWorkspace(place.workspace, survey, problems);
  return { survey, problems };
}

/** A pointer that none of its keys signed is one that somebody edited, nearly always. */
function asLint(problem: Problem): Parameters<Problems['add']> {
  const { level, code, message, ...details } = problem;
  const isPointer = /^channels\/[^/]+\/[^/]+\.json$/.test(problem.where ?? '');
  const isPartly = /\bsigned(?:;|$)/.test(problem.found ?? '');
  if (level !== 'error' || code !== 'signature' || !isPointer || isPartly)
    return [level, code, message, details];
  const hint = 'qx-repo sign, or minisign -S once it is filled in';
  return [level, code, 'a pointer that was edited and not signed', { ...details, hint }];
}

async function lintWorkspace(
  workspace: Workspace,
  survey: Survey,
  problems: Problems,
): Promise<void> {
  const { config, paths, effects } = workspace;
  if (config.repository !== survey.root.repository) {
    problems.error(
      'config',
      'the tree is of another repository than quantix-repo.toml says',
      {
        where: paths.config,
        expected: survey.root.repository,
        found: config.repository,
      },
    );
  }
  lintSettings(survey, config, problems);
  lintSigning(survey, config, await keyNames(effects.files, paths.keys), problems);
  await lintKeyModes(effects.files, paths, problems);
  await lintPending(workspace, survey, problems);
}

async function lintPending(
  workspace: Workspace,
  { root }: Survey,
  problems: Problems,
): Promise<void> {
  const pending = await problems.attempt(() => listPending(workspace));
  for (const document of pending ?? []) {
    const { bytes, blocks } = document;
    const { have } =
      document.type === 'root'
        ? judgeRoot(root, document.root, bytes, blocks)
        : judge(root, roleOf(root, document), bytes, blocks);
    problems.warn('signature', 'a document that waits for more signatures', {
      where: document.file,
      found: have,
      hint: 'sign it with another key, then qx-repo sign --add FILE.minisig',
    });
  }
}
