import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type GrepOptions, grepLog } from '../../src/cli/history/log-grep.ts';
import { readHistory } from '../../src/archive/search/read-history.ts';
import { type SearchEvent, searchWrites } from '../../src/archive/search/search.ts';
import { openSources } from '../../src/archive/tail/sources.ts';
import type { Damaged } from '../../src/archive/holdings/without-damaged.ts';
import { present } from '../kit/wal-log.ts';
import { listSegments } from '../kit/wal-files.ts';
import { forkedHistories, histories } from '../restore/kit/histories.ts';
import { harms } from '../restore/kit/harm-segments.ts';
import { LogScene } from '../restore/kit/log-scene.ts';
import { NEVER } from './kit/merging.ts';
import { writeLane } from './archive-rig.ts';
import { EVER } from './plain-search.ts';

const NOW = Date.now();

describe('a search in a damaged repository, with the log', () => {
  test('finds what it finds in a whole one, window by window, while the log has it', async () => {
    const property = fc.asyncProperty(
      fc.oneof(histories, forkedHistories),
      harms,
      fc.nat({ max: 4 }),
      async (history, harmed, minutes) => {
        await using scene = await LogScene.create();
        await scene.write(history);
        await scene.rig.archiveAll();
        await scene.merge(minutes);
        const whole = await search(scene);
        await scene.harm((index) => harmed[index % harmed.length]);
        const found = await search(scene);
        expect(found.filter(({ kind }) => kind !== 'damage')).toEqual(whole);
        for (const event of found) expect(event).not.toMatchObject({ held: false });
      },
    );
    await fc.assert(property, { numRuns: 8 });
  });

  test('says what was damaged, and what neither has', async () => {
    await using scene = await LogScene.create();
    await writeLane(scene.rig.wal, 120, 60);
    await scene.rig.archiveAll();
    const { repository, data } = await openSources({ data: scene.rig.data });
    const named = { repository: present(repository).place };
    const whole = await grep(named);
    expect(whole).toMatchObject({ code: 0 });
    await scene.harm((index) => (index === 1 ? 'data other' : undefined));
    const { out, err, code } = await grep({ ...named, data: present(data) });
    expect({ out, code }).toEqual({ out: whole.out, code: 7 });
    expect(err).toMatch(
      /damaged: .*is not what was written; its records are read from elsewhere\n/,
    );
    // Alone the repository lacks them.
    expect((await grep(named)).err).toMatch(/damaged: .*is not what was written\nwarning: records/);
    const [, object = ''] = await scene.sidecars();
    const [, firstSeq = 0, lastSeq = 0] = /(\d{15})-(\d{15})/.exec(object)?.map(Number) ?? [];
    let lost = 0;
    for (const { name, frames } of await listSegments(scene.rig.wal)) {
      const end = frames.at(-1)?.lastSeq ?? 0;
      if (lost >= firstSeq || end >= lastSeq) break;
      lost = end;
      await rm(join(scene.rig.wal, name));
    }
    const some = await grep({ ...named, data: present(data) });
    expect(some.err).toMatch(
      new RegExp(
        `records \\w+/${firstSeq} to ${lost}, .* are missing: .*is not what was written; no longer in the log\n`,
      ),
    );
    expect(some.err).not.toContain('elsewhere');
    expect(some.out).toContain(whole.out.split('\n').at(-2));
  });
});

/** In windows as small as can be. */
async function search({ rig }: LogScene): Promise<SearchEvent[]> {
  const { duckdb } = rig;
  const sources = await openSources({ repository: rig.place, data: rig.data });
  const folder = join(rig.folder, 'search');
  await mkdir(folder, { recursive: true });
  const signal = NEVER;
  const reading = {
    duckdb,
    folder,
    isWanted: () => true,
    onRead: () => undefined,
    now: NOW,
    signal,
  };
  const events: SearchEvent[] = [];
  const found = searchWrites({
    ...(await readHistory(sources, reading)),
    readWithout: (damaged: Damaged) => readHistory(sources, reading, damaged),
    store: sources.store,
    duckdb,
    filter: { received: EVER },
    limit: Infinity,
    signal,
    windowLimits: { rowsMax: 3, filesMax: 2 },
  });
  for await (const event of found) {
    if (event.kind !== 'writes') events.push(event);
    else for (const write of event.writes) events.push({ kind: 'writes', writes: [write] });
  }
  return events;
}

async function grep(options: GrepOptions) {
  let out = '';
  let err = '';
  const print = (text: string): Promise<boolean> => {
    out += text;
    return Promise.resolve(true);
  };
  const code = await grepLog(options, { print, warn: (text) => (err += text) });
  return { out, err, code };
}
