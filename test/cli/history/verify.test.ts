import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf } from '../../../src/record/fields.ts';
import type { ReportOutput } from '../../../src/cli/progress-line.ts';
import type { VerifyEvent } from '../../../src/cli/history/verify-contract.ts';
import { exitCodeFor, verify, type VerifyFlags } from '../../../src/cli/history/verify.ts';
import { tempDirectory } from '../../kit/temp.ts';
import { Verifying } from '../../kit/verifying.ts';
import type { Fabricated } from '../../restore/kit/fabricated.ts';
import { LANES, smallRepository } from '../../restore/kit/small-repository.ts';

let verifying: Verifying;
let made: Fabricated;

beforeAll(async () => {
  verifying = await Verifying.open();
  made = await smallRepository(verifying.duckdb);
});

afterAll(async () => {
  await made[Symbol.asyncDispose]();
  await verifying[Symbol.asyncDispose]();
});

const MINUTE = `lanes/${LANES[1]?.lane}/minute/2026/05/28/000000000000006-000000000000007_1779968160000-1779968400000`;

interface Shown {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function show(
  flags: Partial<VerifyFlags> = {},
  signal = new AbortController().signal,
): Promise<Shown> {
  let out = '';
  let err = '';
  const output: ReportOutput = {
    out: (text) => (out += text),
    err: (text) => (err += text),
    isTerminal: false,
  };
  const result = await verify({ repository: made.repository.place, ...flags }, output, signal);
  return { code: exitCodeFor(result), out, err };
}

function eventsOf({ out }: Shown): VerifyEvent[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as VerifyEvent);
}

/** Does something while an object is like that. */
async function during(
  name: string,
  bytes: string | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const path = join(made.repository.place, name);
  const before = await readFile(path);
  await (bytes === undefined ? rm(path) : writeFile(path, bytes));
  try {
    await work();
  } finally {
    await writeFile(path, before);
  }
}

describe('verify', () => {
  test('of a whole repository exits with 0, says how much it looked into, and what can be restored', async () => {
    const { code, out, err } = await show();
    expect(code).toBe(0);
    expect(out).toMatch(
      /^whole: repository .*, id [0-9a-f]{16}\n {2}looked into: segments 12, bytes \d+, records 21, points 19, lanes 2\n/,
    );
    expect(out).toContain(
      '  found: damage 0, holes 0, notes 0\n  restorable: 2026-05-28T10:48:00.000Z to 2026-06-03T10:47:59.999Z\n',
    );
    expect(err).toMatch(/^verifying: \d+\.\d %, segments \d+, bytes \d+ of \d+, /);
  });

  test('exits with 7 when something is damaged, names it, what that means and what to do', async () => {
    await during(`${MINUTE}.json`, '{}', async () => {
      const { code, out } = await show();
      expect(code).toBe(7);
      expect(out).toContain(
        `damaged ${MINUTE}.json: it is not what was written\n  restores: nothing else holds records`,
      );
      expect(out).toContain('  remedy: put it back from a copy of the repository; or, while the ');
      expect(out).toContain('restorable: 2026-05-28T10:48:00.000Z to 2026-05-28T11:35:59.999Z\n');
    });
  });

  test('exits with 4 when there is a hole and nothing else', async () => {
    await during('index/2026-05.json', undefined, async () => {
      await during(`${MINUTE}.json`, undefined, async () => {
        await during(`${MINUTE}.00000000.parquet`, undefined, async () => {
          const { code, out } = await show();
          expect(code).toBe(4);
          expect(out).toContain(
            `hole lanes/${LANES[1]?.lane}: records 6 to 7 are missing: no object`,
          );
        });
      });
    });
  });

  test('--json prints one object a line, with the fields that docs/JSON.md has', async () => {
    const page = await readFile('docs/JSON.md', 'utf8');
    const examples = (/```jsonl\n([^`]*)```/.exec(page)?.[1] ?? '').trimEnd().split('\n');
    await during(`${MINUTE}.00000000.parquet`, 'x', async () => {
      const events = eventsOf(await show({ json: true }));
      const kinds = ['progress', 'finding', 'result'];
      const of = (kind: string): VerifyEvent | undefined =>
        events.find(({ event }) => event === kind);
      expect(kinds.map((kind) => keysOf(of(kind)))).toEqual(
        examples.map((line) => keysOf(JSON.parse(line))),
      );
      expect(events.at(-1)).toMatchObject({
        contract: 'tsdb-wal verify',
        version: 1,
        event: 'result',
        state: 'damaged',
      });
      expect(of('finding')).toMatchObject({
        kind: 'damaged',
        object: `${MINUTE}.00000000.parquet`,
      });
    });
  });

  test.each([false, true])(
    'counts no bytes of data but those that are there (--quick: %s)',
    async (quick) => {
      const flags = { json: true, quick };
      const bytes = async (): Promise<unknown> =>
        fieldsOf(eventsOf(await show(flags)).at(-1))['bytes'];
      const name = `${MINUTE}.00000000.parquet`;
      const { size } = await stat(join(made.repository.place, name));
      const whole = Number(await bytes());
      await during(name, undefined, async () => expect(await bytes()).toBe(whole - size));
      await during(name, 'x', async () => expect(await bytes()).toBe(whole - size + 1));
    },
  );

  test('--quick and --since look into less, and say so', async () => {
    const { code, out } = await show({ quick: true, since: '2026-05-28T12:00:00Z' });
    expect(code).toBe(0);
    expect(out).toContain(
      '  only segments that end after 2026-05-28T12:00:00.000Z were looked into\n  only sizes of data',
    );
    for (const since of ['safe', 'bogus']) {
      await expect(show({ since })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.not.stringContaining('safe') as string,
      });
    }
    await expect(show({ since: '2026-05-28T12:00:00' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('says when there was nothing to look into, and takes no time to come', async () => {
    const since = '2026-06-04T00:00:00Z';
    const { code, out } = await show({ since });
    expect(code).toBe(0);
    expect(out).toMatch(
      /^NOTHING LOOKED INTO: repository .*\n {2}looked into: segments 0, bytes 0,/,
    );
    expect(out).toContain('  there are no segments that end after 2026-06-04T00:00:00.000Z\n');
    expect(eventsOf(await show({ since, json: true })).at(-1)).toMatchObject({ segments: 0 });
    await expect(show({ since: '2099-01-01T00:00:00Z' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: '--since 2099-01-01T00:00:00Z is yet to come',
    });
  });

  test('interrupted, exits with 1, and claims nothing of what it did not look into', async () => {
    const stop = new AbortController();
    stop.abort();
    const shown = await show({ json: true }, stop.signal);
    expect(shown.code).toBe(1);
    expect(eventsOf(shown).at(-1)).toMatchObject({
      isComplete: false,
      safeTime: null,
      restorable: [],
    });
    expect((await show({}, stop.signal)).out).toMatch(
      /^nothing wrong so far: [^]*\n {2}INTERRUPTED/,
    );
  });

  test('goes through a repository without its own file, but not through a place that is none', async () => {
    await during('repository.json', undefined, async () => {
      const { code, out } = await show();
      expect(code).toBe(7);
      expect(out).toContain('missing repository.json: it is missing\n');
    });
    await using folder = await tempDirectory('none');
    await expect(show({ repository: folder.path })).rejects.toMatchObject({
      code: 'REPOSITORY_MISSING',
    });
  });
});

function keysOf(object: unknown): unknown {
  if (Array.isArray(object)) return object.map(keysOf);
  if (typeof object !== 'object' || object === null)
    return typeof object === 'object' ? 'null' : '';
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, keysOf(value)]));
}
