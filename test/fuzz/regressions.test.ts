import t from 'tap';
import { judgeOnce } from './engine.ts';
import { regressions } from './regressions.ts';
import { targetNamed, TARGETS } from './targets/all.ts';

t.test('what was hard once is judged as it was', async (t) => {
  const all = regressions();
  for (const { target, name, input } of all) {
    const verdict = await judgeOnce(targetNamed(target), input).catch(String);
    const wanted = name.split('.').at(-1);
    if (wanted === 'found') t.notMatch(verdict, /[: ]/, `${target}/${name}`);
    else t.equal(verdict, wanted, `${target}/${name}`);
  }
  const tried = new Set(all.map(({ target }) => target));
  const without = TARGETS.filter(({ name }) => !tried.has(name)).map(({ name }) => name);
  t.same(without, [], 'each target has one');
});
