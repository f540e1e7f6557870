import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { HttpCollector } from './kit/clients.ts';
import { type Line, missingIn } from './kit/ledger.ts';
import { tell } from './kit/run.ts';

const HOUR = 3_600;
const BASE = Math.floor(Date.now() / 1_000 / HOUR - 3) * HOUR;
const SERIES = 300;
/** Instants that are written together. */
const BLOCK = 10;
/** With 400, beside other load, values are lost where the proxy does nothing about it; with few the test shows that what it does comes to an end. */
const BLOCKS = Number(process.env['ENDED_BLOCKS'] ?? 40);
/** So many blocks later they are written again: more than a flush of OpenTSDB. */
const LATER = 20;
/** Of so many blocks one is written again. */
const AGAIN = 8;
const PACE_MS = 50;

/** Often, and also few rows. */
const COMPACTION = {
  'tsd.storage.fix_duplicates': 'true',
  'tsd.storage.compaction.flush_interval': '5',
  'tsd.storage.compaction.min_flush_threshold': '10',
};

function linesOf(block: number, value: string): Line[] {
  const instants = Array.from({ length: BLOCK }, (_, at) => BASE + block * BLOCK + at);
  return instants.flatMap((instant) =>
    Array.from({ length: SERIES }, (_, host) => `put ended ${instant} ${value} h=${host}`),
  );
}

describeOnStack('an instant of an hour that is over', (stack) => {
  test('ends with its last value, though OpenTSDB compacts its row as it is written again', async () => {
    const tsd = await (await stack()).opentsdb('ended-hours', { settings: COMPACTION });
    const flags = ['--archive', 'off'];
    await using proxy = await ProxyProcess.start({ primary: tsd.url, flags, until: 'live' });
    const http = new HttpCollector(proxy.port);
    const errors: (string | undefined)[] = [];
    for (let block = 0; block < BLOCKS + LATER; block += 1) {
      if (block < BLOCKS) errors.push(await http.put(linesOf(block, '1')));
      const again = block - LATER;
      const isAgain = again >= 0 && again % AGAIN === 0;
      if (isAgain) errors.push(await http.put(linesOf(again, '300.5')));
      await sleep(PACE_MS);
    }
    expect(errors.filter((error) => error !== undefined)).toEqual([]);
    const last = Array.from({ length: BLOCKS / AGAIN }, (_, nth) => linesOf(nth * AGAIN, '300.5'));
    await proxy.until(({ primary }) => primary.lagBytes === 0 && primary.mends === 0);
    const wrong = await missingIn(tsd.url, last.flat());
    tell(`${wrong.length} of ${last.flat().length} rewritten points are wrong`);
    expect(wrong).toEqual([]);
  });
});
