import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  computeCoverage,
  type Coverage,
  formatRecords,
} from '../../src/archive/holdings/coverage.ts';
import { unseal } from '../../src/archive/format/sealed-json.ts';
import { readSummary } from '../../src/archive/holdings/summary.ts';
import { damagedObjects } from '../kit/verifying.ts';
import { HarmedRepository, laneOf, traceOf } from './kit/harmed.ts';
import { LANES, MOMENTS_MS } from './kit/small-repository.ts';

let harmed: HarmedRepository;

beforeAll(async () => {
  harmed = await HarmedRepository.open();
});

afterAll(async () => {
  await harmed[Symbol.asyncDispose]();
});

/** Changes the bytes of an object; `other` has those of another one of its kind. */
type Harm = (bytes: Buffer, other: Buffer) => Buffer;

const flipAt =
  (place: (bytes: Buffer) => number, bit = 0x20): Harm =>
  (bytes) => {
    const changed = Buffer.from(bytes);
    const at = place(bytes);
    changed[at] = (changed[at] ?? 0) ^ bit;
    return changed;
  };

/** Where the footer begins: its length stands before the magic at the end. */
const footerStart = (bytes: Buffer): number =>
  bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);

const SHAPES: readonly (readonly [string, Harm])[] = [
  ['it is empty', () => Buffer.alloc(0)],
  ['its last byte is gone', (bytes) => bytes.subarray(0, -1)],
  ['it has a byte more', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])],
  ['it is another object', (_, other) => other],
];

const JSON_HARMS: readonly (readonly [string, Harm])[] = [
  ['its first byte is another one', flipAt(() => 0)],
  ['a digit of it is another one', flipAt((bytes) => bytes.indexOf(':1') + 1)],
  ['a byte of its seal is another one', flipAt((bytes) => bytes.length - 30)],
  ['its last byte is another one', flipAt((bytes) => bytes.length - 1)],
  ...SHAPES,
];

const PARQUET_HARMS: readonly (readonly [string, Harm])[] = [
  ['its magic is another one', flipAt(() => 0)],
  ['the header of its first page is another one', flipAt(() => 5)],
  ['a page is another one', flipAt((bytes) => Math.floor(footerStart(bytes) / 2))],
  ['its footer is another one', flipAt(footerStart)],
  ['the length of its footer is another one', flipAt((bytes) => bytes.length - 8)],
  ['its magic at the end is another one', flipAt((bytes) => bytes.length - 1)],
  ...SHAPES,
];

const isJson = (name: string): boolean => name.endsWith('.json');
const isData = (name: string): boolean => name.endsWith('.parquet');
const isSidecar = (name: string): boolean => isJson(name) && /\/(minute|hour|day)\//.test(name);
/** An index is a hint; and of the last segment of all nothing tells that it was ever there. */
const isToldWhenGone = (name: string): boolean => !/^index|0{14}9-/.test(name);
/** Sidecars of segments whose records no other has, and that later ones follow. */
const ONLY = /bbbb\/(hour|minute\/.*\/0{14}[68]-)/;

const otherLevel = (level: string): string => (level === 'day' ? 'hour' : 'day');

/** Restores to each time are honest. */
async function expectHonesty(names: readonly string[], goneLane?: string): Promise<void> {
  for (const asOfMs of MOMENTS_MS) {
    expect(await harmed.dishonesty(names, asOfMs, goneLane)).toEqual([]);
  }
}

/** What is told of how much can be restored. */
const known = (coverage: Coverage | undefined) => ({
  safeTimeMs: coverage?.safeTimeMs,
  restorable: coverage?.restorable,
  holes: coverage?.holes.map(formatRecords),
});

let count = 0;

/** Verify names the object, and a restore to one of the times is honest. */
async function expectNoSilence(name: string, harm: Harm): Promise<void> {
  const other = harmed.bytes(harmed.sibling(name) ?? `lanes/${LANES[0]?.lane}/begin.json`);
  const asOfMs = MOMENTS_MS[(count += 1) % MOMENTS_MS.length] ?? 0;
  await harmed.during({ [name]: harm(harmed.bytes(name), other) }, async () => {
    expect(damagedObjects(await harmed.findings())).toContain(name);
    expect(await harmed.dishonesty([name], asOfMs)).toEqual([]);
  });
}

describe('of an object that is not what was written', () => {
  test.each(JSON_HARMS)('verify names it, and no restore takes it: JSON, %s', async (_, harm) => {
    for (const name of harmed.names(isJson)) await expectNoSilence(name, harm);
  });

  test.each(PARQUET_HARMS)(
    'verify names it, and no restore takes it: Parquet, %s',
    async (_, harm) => {
      for (const name of harmed.names(isData)) await expectNoSilence(name, harm);
    },
  );

  test('verify names it, and no restore takes it: any byte, any bit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(7), async (which, at, bit) => {
        const names = harmed.names();
        const harm = flipAt((bytes) => at % bytes.length, 1 << bit);
        await expectNoSilence(names[which % names.length] ?? '', harm);
      }),
      { numRuns: 40 },
    );
  });

  test('verify and info tell alike what can be had without it', async () => {
    for (const name of harmed.names(isSidecar)) {
      await harmed.during({ [name]: Buffer.from('{}\n') }, async () => {
        const { coverage } = await harmed.verified();
        const info = await readSummary(harmed.made.repository.store, { useIndex: false });
        expect([name, known(coverage)]).toEqual([name, known(computeCoverage(info))]);
      });
    }
  });

  test('no byte of a sealed object can be another one unseen', () => {
    for (const name of harmed.names(isJson)) {
      const { length } = harmed.bytes(name);
      for (let at = 0; at < length; at += 1) {
        const harm = flipAt(() => at, [0x01, 0x20, 0x80][at % 3]);
        expect(unseal(harm(harmed.bytes(name), Buffer.alloc(0)))).toBeUndefined();
      }
    }
  });
});

describe('of an object that is gone', () => {
  test('restores do without it or refuse, and verify tells what can be known', async () => {
    for (const name of harmed.names()) {
      await harmed.during({ [name]: undefined }, async () => {
        const told = (await harmed.findings()).map(({ object }) => object).join(' ');
        // Without data to show for it, it is a hole of its lane.
        const trace = /0{14}8-/.test(name) ? `lanes/${laneOf(name)}` : traceOf(name);
        expect([name, told.includes(trace)]).toEqual([name, isToldWhenGone(name)]);
        await expectHonesty([name]);
      });
    }
  });

  test('with its data, what nothing else holds is a hole for verify, info and restores', async () => {
    for (const name of harmed.names(isSidecar)) {
      const both = harmed.names((other) => traceOf(other) === traceOf(name));
      await harmed.during(Object.fromEntries(both.map((one) => [one, undefined])), async () => {
        const kinds = (await harmed.findings()).map(({ kind }) => kind);
        // The index of the month knows of it too.
        expect([name, kinds]).toEqual([name, ONLY.test(name) ? ['hole', 'missing'] : []]);
        const summary = await readSummary(harmed.made.repository.store, { useIndex: false });
        expect(computeCoverage(summary).holes).toHaveLength(kinds.length / 2);
        await expectHonesty([name]);
      });
    }
  });

  test('with all of its lane, it is missing to verify, as a later lane or an index knows of it', async () => {
    for (const { lane } of LANES) {
      const all = harmed.names((name) => laneOf(name) === lane);
      await harmed.during(Object.fromEntries(all.map((one) => [one, undefined])), async () => {
        expect(damagedObjects(await harmed.findings())).toContain(`lanes/${lane}`);
        await expectHonesty([`lanes/${lane}`], lane);
      });
    }
  });
});

describe('of two objects that changed places', () => {
  test('verify names both, and no restore takes them', async () => {
    for (const one of harmed.names((name) => harmed.sibling(name) !== undefined)) {
      const other = harmed.sibling(one) ?? '';
      const swapped = { [one]: harmed.bytes(other), [other]: harmed.bytes(one) };
      await harmed.during(swapped, async () => {
        expect(damagedObjects(await harmed.findings())).toEqual(
          expect.arrayContaining([one, other]),
        );
        await expectHonesty([one, other]);
      });
    }
  });
});

describe('of a copy under another name', () => {
  test.each([
    ['of another lane', (name: string) => name.replace(/aaaaaaaa|bbbbbbbb/, 'cccccccc')],
    ['of other records', (name: string) => name.replace(/-\d{15}_/, '-000000000000099_')],
    ['of another level', (name: string) => name.replace(/minute|hour|day/, otherLevel)],
    ['of other times', (name: string) => name.replace(/\d\.json/, '9.json')],
  ])('%s, verify names the sidecar, and no restore takes it', async (_, rename) => {
    const names = harmed.names(isSidecar);
    for (const name of names.filter((one) => !names.includes(rename(one)))) {
      const copy = rename(name);
      await harmed.during({ [copy]: harmed.bytes(name) }, async () => {
        expect(damagedObjects(await harmed.findings())).toContain(copy);
        await expectHonesty([copy]);
      });
      await rm(join(harmed.made.repository.place, `lanes/cccccccc${laneOf(name).slice(8)}`), {
        recursive: true,
        force: true,
      });
    }
  });

  test('data are an orphan, and change nothing', async () => {
    for (const name of harmed.names(isData)) {
      const copy = name.replace('00000000.parquet', '11111111.parquet');
      await harmed.during({ [copy]: harmed.bytes(name) }, async () => {
        expect(await harmed.findings()).toMatchObject([
          { severity: 'note', kind: 'orphan', object: copy },
        ]);
        await expectHonesty([copy]);
      });
    }
  });
});
