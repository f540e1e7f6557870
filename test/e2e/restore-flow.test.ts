import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parsePutLine } from '../../src/opentsdb/put-line.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { tempDirectory } from '../kit/temp.ts';
import { stateAt } from '../restore/kit/history.ts';
import { Flow } from './kit/flow.ts';
import { below } from './kit/random-history.ts';
import { RestoreProcess } from './kit/restore-process.ts';
import { seededRandom, tell } from './kit/run.ts';
import { storedDifferences } from './kit/stored-state.ts';
import { readLanes } from './kit/whole-log.ts';

/** A longer look: `FLOW_TEST_STEPS=1000`; `FLOW_TEST_SEED` repeats another run. */
const STEPS = Number(process.env['FLOW_TEST_STEPS'] ?? 120);
const SEED = Number(process.env['FLOW_TEST_SEED'] ?? Date.now() % 1_000_000);

describeOnStack('a restore of what a proxy has archived', (offered) => {
  test(
    'leaves what the log holds of any time, through outages, kills, refusals and idle stretches',
    { timeout: 240_000 + STEPS * 500 },
    async () => {
      tell(`seed ${SEED}`);
      const stack = await offered();
      const random = seededRandom(SEED);
      await using flow = await Flow.start(stack, random);
      await flow.play(STEPS);
      // Then the last time is over, too: an idle log ticks.
      await sleep(2_500);
      const data = flow.proxy.dataDirectory;
      const times = [flow.times[below(random, flow.times.length)] ?? 0, flow.times.at(-1) ?? 0];
      const whileRunning = await restoredAt(times, ['--data', data]);
      await flow.proxy.terminate();
      const archived = await restoredAt(times.slice(0, 1), ['--repository', flow.repository]);
      const lanes = await readLanes(data);
      for (const { toMs, tsd, end } of [...whileRunning, ...archived]) {
        const state = stateAt(lanes, toMs);
        const metrics = new Set([...state.values()].map(({ line }) => parsePutLine(line).metric));
        expect({ code: end.code, stderr: end.stderr }).toMatchObject({ code: 0 });
        expect(await storedDifferences(tsd, [...metrics], state)).toEqual([]);
        expect(end.result?.counts?.points).toBe(state.size);
        await tsd.kill9();
      }

      async function restoredAt(moments: readonly number[], from: readonly string[]) {
        await using temp = await tempDirectory('flow');
        const restored = [];
        for (const toMs of moments) {
          const tsd = await stack.opentsdb('flow-restored');
          const place = ['--target', tsd.url, '--work', join(temp.path, 'work')];
          const end = await RestoreProcess.start([...from, ...place, '--to', `${toMs}`]).end();
          restored.push({ toMs, tsd, end });
        }
        return restored;
      }
    },
  );
});
