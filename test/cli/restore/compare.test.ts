import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CompareFlags, runCompare } from '../../../src/cli/restore/compare.ts';
import type { ReportOutput } from '../../../src/cli/progress-line.ts';
import { Pair, store } from '../../compare/kit/pair.ts';

const LINE = 'put sys.cpu 1780000000 9007199254740993 host=a';

let pair: Pair;
beforeAll(async () => {
  pair = await Pair.start();
  pair.both([LINE, 'put m 1780000000 1 h=a']);
  store(pair.target, ['put sys.cpu 1780000000 9007199254740992 host=a']);
  store(
    pair.source,
    Array.from({ length: 5 }, (_, n) => `put m ${1_780_000_001 + n} 1.5 h=a`),
  );
});
afterAll(() => pair[Symbol.asyncDispose]());

async function show(
  flags: Partial<CompareFlags>,
): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const output: ReportOutput = {
    out: (text) => (out += text),
    err: () => undefined,
    isTerminal: false,
  };
  const { source, target } = { source: pair.source.url, target: pair.target.url };
  return {
    code: await runCompare({ source, target, lag: '0s', ...flags }, undefined, output),
    out,
  };
}

describe('tsdb-wal compare', () => {
  test('names what differs, and ends with 6', async () => {
    const { code, out } = await show({ metric: ['m'], to: '2026-06-01T00:00:00Z' });
    expect(code).toBe(6);
    expect(out.replaceAll(/(?<=took ).*/g, '…').replaceAll(/127\.0\.0\.1:\d+/g, 'tsd'))
      .toMatchInlineSnapshot(`
      "MISSING: m h=a, hour 2026-05-28T20:00:00.000Z: points 5
        2026-05-28T20:26:41.000Z source 1.5, target none
        2026-05-28T20:26:42.000Z source 1.5, target none
        2026-05-28T20:26:43.000Z source 1.5, target none
        and 2 more
      DIFFERENT: http://tsd has not what http://tsd has
        points of 1970-01-01T00:00:00.000Z and later, before 2026-06-01T00:00:00.000Z; metrics 1; points of the source 6, of the target 1
        equal 1, equal as far as the API shows 0
        missing 5, extra 0, different 0, of another form 0, unreadable hours of series 0
        took …
      "
    `);
  });

  test('names what a repair would send', async () => {
    const { code, out } = await show({ metric: ['sys.*'], repair: true, dryRun: true });
    expect(code).toBe(6);
    expect(out).toContain('target 9007199254740992, to be sent as the source shows it');
    expect(out).toContain(
      'points that would be sent as the log has them 0, as the source shows them 1',
    );
    expect(out).toContain('warning: the source does not show how a point was sent');
  });

  test('ends with 0 when they are equal', async () => {
    const { code, out } = await show({ metric: ['m'], to: '2026-05-28T20:26:41Z' });
    expect(out).toContain('equal: http://');
    expect(code).toBe(0);
  });

  test('--json prints one object a line, with the fields that docs/JSON.md has', async () => {
    const { out } = await show({ json: true, repair: true, dryRun: true });
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Json);
    const page = await readFile('docs/JSON.md', 'utf8');
    const examples = page
      .split('\n')
      .filter((line) => line.startsWith('{"contract":"tsdb-wal compare"'))
      .map((line) => JSON.parse(line) as Json);
    expect(examples.map(({ event }) => event)).toEqual(['progress', 'difference', 'result']);
    for (const example of examples) {
      const told = events.find(({ event }) => event === example['event']);
      expect(keysOf(told)).toEqual(keysOf(example));
      expect(keysOf(told?.['points'])).toEqual(keysOf(example['points']));
    }
  });

  test.each([
    [{ target: 'https://tsd:4242' }, 'is no address of an OpenTSDB'],
    [{ lag: '10' }, '--lag 10 is no duration'],
    [{ dryRun: true }, '--dry-run and --rate are for --repair'],
    [{ repair: true, rate: 'fast' }, '--rate fast is no number'],
    [{ from: 'yesterday' }, '--from yesterday is no time'],
    [{ from: '2026-06-01T00:00:00Z', to: '2026-06-01T00:00:00Z' }, 'is not before --to'],
    [{ from: '2999-06-01T00:00:00Z' }, 'is not before the --to that is left out'],
  ])('refuses %o', async (flags, words) => {
    await expect(show(flags)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(words) as string,
    });
  });

  test('refuses to compare one with itself', async () => {
    await expect(show({ target: pair.source.url })).rejects.toThrow('are both');
  });
});

type Json = Readonly<Record<string, unknown>>;

function keysOf(value: unknown): readonly string[] {
  const [one] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return Object.keys(one ?? {});
}
