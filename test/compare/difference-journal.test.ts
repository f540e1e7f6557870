import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HourDifference } from '../../src/compare/difference.ts';
import { DifferenceJournal, type JudgedDifference } from '../../src/compare/difference-journal.ts';
import { tempDirectory } from '../kit/temp.ts';

test('a journal gives back what was added, whatever other line ends than a newline are in it', async () => {
  await using folder = await tempDirectory('journal');
  const journal = new DifferenceJournal(join(folder.path, 'differences'));
  const first = difference({ h: 'a\u2028b' });
  const second = difference({ h: 'c\u2029\u0085\rd' });
  await journal.add([first, second]);
  const line = 'put m 1 1 h=a\u2028b\rc';
  await writeFile(
    join(folder.path, 'answers'),
    `0\t1\t\t5\thttp\t1\t${line}\n1\t0\t6\x1f7\x1f\t\t\t\t\n`,
  );
  const judged: JudgedDifference[] = [];
  for await (const one of journal.judged(join(folder.path, 'answers'))) judged.push(one);
  const written = { transport: 'http', value: '1', line, receivedAt: 5 };
  expect(judged).toEqual([
    { difference: first, answers: new Map([[0, { isRefused: true, undone: [], written }]]) },
    {
      difference: second,
      answers: new Map([[0, { isRefused: false, undone: ['6', '7'], written: null }]]),
    },
  ]);
});

function difference(tags: Readonly<Record<string, string>>): HourDifference {
  const points = [{ instantMs: 1_000, source: '1', target: null, isShownExactly: true }];
  return { kind: 'missing', side: null, metric: 'm', tags, hourMs: 0, points, reason: null };
}
