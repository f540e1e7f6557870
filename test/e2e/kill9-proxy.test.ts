import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { Load } from './kit/clients.ts';
import { Ledger, missingIn } from './kit/ledger.ts';
import { seededRandom, tell } from './kit/run.ts';
import { countLines, readWholeLog } from './kit/whole-log.ts';

/** More rounds for a longer look: `KILL9_ROUNDS=1000`; `KILL9_SEED` repeats the moments of another run. */
const ROUNDS = Number(process.env['KILL9_ROUNDS'] ?? 30);
const SEED = Number(process.env['KILL9_SEED'] ?? Date.now() % 1_000_000);
const ROUND_MS_MAX = 2_500;

describeOnStack('a proxy that is killed again and again', (stack) => {
  let tsd: Tsd;
  let proxy: ProxyProcess;

  beforeAll(async () => {
    tsd = await (await stack()).opentsdb('kill9-proxy');
    // Small files, so that kills also meet the change from one to the next.
    const log = ['--wal-segment-bytes', '128KiB', '--archive', 'off'];
    const flags = [...log, '--delivery-heal-window', '2s'];
    proxy = await ProxyProcess.start({ primary: tsd.url, flags, until: 'live' });
    return async () => {
      await proxy[Symbol.asyncDispose]();
      await tsd.kill9();
    };
  });

  const ledger = new Ledger();
  afterAll(() => tell(`${ledger.acknowledged.size} points acknowledged, seed ${SEED}`));

  test(
    'keeps every acknowledged point in the log and brings it to the primary',
    { timeout: 180_000 + ROUNDS * 6_000 },
    async () => {
      tell(`${ROUNDS} kills, seed ${SEED}`);
      const random = seededRandom(SEED);
      const clients = { http: 3, telnet: 3, batch: 10, pauseMs: 20, again: true };
      await using load = new Load({ port: proxy.port, ledger, metric: 'kill9', ...clients });
      const startMs = performance.now();
      for (let round = 0; round < ROUNDS; round += 1) {
        // Mostly early, while the log of the life before is being delivered; some late, when answers wait.
        await sleep(random() ** 2 * ROUND_MS_MAX);
        await proxy.kill9();
        await proxy.start();
        expect((await proxy.status()).log.holes).toEqual([]);
      }
      tell(`${ROUNDS} rounds in ${Math.round(performance.now() - startMs)} ms`);
      // Those whose connection was cut send again what was not acknowledged.
      const seen = ledger.acknowledged.size;
      await expect.poll(() => ledger.acknowledged.size).toBeGreaterThan(seen);
      await load.stop();
      expect(
        [...ledger.errors.keys()].filter((error) => !/ECONN|closed|hang up/.test(error)),
      ).toEqual([]);
      await proxy.untilLive();
      await expect.poll(() => missingIn(tsd.url, ledger.acknowledged)).toEqual([]);
      await proxy.terminate();
    },
  );

  test('leaves a log without a hole, in which at most repeats are too many', async () => {
    const log = await readWholeLog(proxy.dataDirectory);
    expect(log.holes).toEqual([]);
    expect(log.closed).toBe(true);
    const counts = countLines(log);
    expect([...ledger.acknowledged].filter((line) => !counts.has(line))).toEqual([]);
    const tooMany = [...counts].filter(([line, count]) => count > ledger.sendsOf(line));
    expect(tooMany).toEqual([]);
    expect(log.lanes).toBe(ROUNDS + 1);
  });
});
