import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { loadCases } from './conformance/cases.ts';
import { type CaseOutcome, runConformance } from './conformance/runner.ts';

const CASES = loadCases('cases.jsonl');
const HAVE = ['norollup', 'chunked', 'nodelete', 'unsafe-delete'];

/** By a case's id: why the proxy answers otherwise than OpenTSDB. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

type Outcomes = ReadonlyMap<string, CaseOutcome>;

function testEachCase(outcomes: () => Outcomes): void {
  test.each(CASES.map(({ id }) => id))('%s', (id) => {
    const outcome = outcomes().get(id);
    expect(outcome?.kind === 'failed' ? outcome.difference : outcome?.kind).toBe(
      id in EXCEPTIONS ? 'excepted' : 'passed',
    );
  });
}

describeOnStack('what OpenTSDB was recorded to answer', (stack) => {
  describe('is what it answers', () => {
    let tsd: Tsd;
    let outcomes: Outcomes;

    beforeAll(async () => {
      tsd = await (await stack()).opentsdb('conformance');
      outcomes = await runConformance({ base: `127.0.0.1:${tsd.port}`, have: HAVE, cases: CASES });
    });
    afterAll(() => tsd.kill9());

    testEachCase(() => outcomes);
  });

  describe('is what the proxy answers', () => {
    let tsd: Tsd;
    let proxy: ProxyProcess | undefined;
    let outcomes: Outcomes;

    beforeAll(async () => {
      tsd = await (await stack()).opentsdb('conformance');
      const flags = ['--mutations', 'pass'];
      proxy = await ProxyProcess.start({ primary: tsd.url, flags, until: 'live' });
      outcomes = await runConformance({
        base: proxy.address,
        queryBase: `127.0.0.1:${tsd.port}`,
        have: HAVE,
        cases: CASES,
        exceptions: EXCEPTIONS,
      });
    });
    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await tsd.kill9();
    });

    testEachCase(() => outcomes);
  });
});
