import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tsd } from '../../scripts/stack/opentsdb.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { describeOnStack } from '../kit/real-stack.ts';
import { type ConformanceCase, loadCases } from './conformance/cases.ts';
import { type CaseOutcome, runConformance } from './conformance/runner.ts';

const CASES = loadCases('cases.jsonl');
const HAVE = ['norollup', 'chunked', 'nodelete', 'unsafe-delete'];

/** By a case's id: why the proxy answers otherwise than OpenTSDB. */
const EXCEPTIONS: Readonly<Record<string, string>> = {};

/**
 * Deletes and renames are passed round the log here. A put of before that is healed afterwards, because other cases
 * moved the primary's error counters, brings the point or the old name back. See docs/COMPATIBILITY.md.
 */
const NOT_THROUGH_PROXY = new Set(['uid-rename-ok', 'query-post-delete-true']);

/** Those whose answer needs nothing of the primary but what was learnt of it. */
const PUTS = CASES.filter((one) => {
  if (one.setup !== undefined || NOT_THROUGH_PROXY.has(one.id)) return false;
  if (one.protocol === 'telnet') return one.id.startsWith('tel-put-');
  const targets = [one.request].flat().map(({ path }) => path ?? '');
  return targets.every((path) => /^\/api\/(?:v1\/)?put\b(?!.*[?&]sync\b)/.test(path));
});

type Outcomes = ReadonlyMap<string, CaseOutcome>;

function testEachCase(cases: readonly ConformanceCase[], outcomes: () => Outcomes): void {
  test.each(cases.map(({ id }) => id))('%s', (id) => {
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

    testEachCase(CASES, () => outcomes);
  });

  describe('is what the proxy answers', () => {
    const cases = CASES.filter(({ id }) => !NOT_THROUGH_PROXY.has(id));
    let tsd: Tsd;
    let proxy: ProxyProcess | undefined;
    let outcomes: Outcomes;

    beforeAll(async () => {
      tsd = await (await stack()).opentsdb('conformance');
      const flags = ['--mutations', 'pass', '--archive', 'off'];
      proxy = await ProxyProcess.start({ primary: tsd.url, flags, until: 'live' });
      outcomes = await runConformance({
        base: proxy.address,
        queryBase: `127.0.0.1:${tsd.port}`,
        have: HAVE,
        cases,
        exceptions: EXCEPTIONS,
      });
    });
    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await tsd.kill9();
    });

    testEachCase(cases, () => outcomes);
  });

  describe('to puts is what the proxy answers while OpenTSDB is down, and stores later', () => {
    let tsd: Tsd;
    let proxy: ProxyProcess | undefined;
    let outcomes: Outcomes;

    beforeAll(async () => {
      tsd = await (await stack()).opentsdb('conformance');
      const flags = ['--archive', 'off'];
      proxy = await ProxyProcess.start({ primary: tsd.url, flags, until: 'live' });
      await tsd.kill9();
      await proxy.until(({ primary }) => primary.state.kind === 'down');
      outcomes = await runConformance({
        base: proxy.address,
        queryBase: `127.0.0.1:${tsd.port}`,
        have: HAVE,
        cases: PUTS,
        beforeStored: async () => {
          await tsd.start();
          await proxy?.untilLive();
        },
      });
    });
    afterAll(async () => {
      await proxy?.[Symbol.asyncDispose]();
      await tsd.kill9();
    });

    testEachCase(PUTS, () => outcomes);
  });
});
