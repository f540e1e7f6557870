import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DurableWritePath } from '../../../src/ingest/write-path/durable-write-path.ts';
import type { WriteOutcome } from '../../../src/ingest/write-path/write-path.ts';
import { parseControl } from '../../../src/record/control.ts';
import type { Position } from '../../../src/record/position.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Wal } from '../../../src/wal/log.ts';
import { type OpenSink, openSyncedSink } from '../../../src/wal/segment-writer.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { dataOf, readLog } from '../../kit/wal-log.ts';

let data: TempDirectory;
let wal: Wal;
let path: DurableWritePath;
let isLive: boolean;
let slow: number;
let hasKafka: boolean;
let unlogged: number;
/** Writes to the disk wait for it. */
let disk: Promise<void>;
let goOn: () => void;
/** How far the write path's clock is ahead. */
let aheadMs: number;

beforeEach(async () => {
  data = await tempDirectory('write-path');
  isLive = true;
  slow = 0;
  hasKafka = false;
  unlogged = 0;
  disk = Promise.resolve();
  aheadMs = 0;
  const events = {
    durable: (frame: { lane: string; ordinal: number; lastSeq: number }) =>
      path.durable({ lane: frame.lane, ordinal: frame.ordinal, seq: frame.lastSeq }),
    lost: (last: Position) => path.lost(last, 'lost'),
    opened: () => undefined,
    refusing: () => undefined,
  };
  let opened: DurableWritePath | undefined;
  wal = await Wal.open({
    directory: data.path,
    clock: systemClock,
    version: '0',
    segmentBytes: 1e9,
    memoryBytes: 8e6,
    bytesMax: 1e9,
    freeBytesMin: 0,
    retentionMs: 1e9,
    openSink,
    events: { ...events, durable: (frame) => opened && events.durable(frame) },
  });
  path = new DurableWritePath({
    wal,
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs },
    ack: 'all',
    ackTimeoutMs: 60_000,
    isLive: () => isLive,
    onSlow: () => (slow += 1),
    onUnlogged: () => (unlogged += 1),
    kafka: { isLive: () => hasKafka, ackTimeoutMs: 60_000, onSlow: () => path.unreplicated() },
  });
  opened = path;
});

const openSink: OpenSink = async (file) => {
  const sink = await openSyncedSink(file);
  const write = async (bytes: Buffer, offset: number): Promise<void> => {
    await disk;
    await sink.write(bytes, offset);
  };
  return { write, finish: (bytes) => sink.finish(bytes), abandon: () => sink.abandon() };
};

afterEach(async () => {
  await wal.close();
  await data[Symbol.asyncDispose]();
});

async function submit(text: string, count: number): Promise<WriteOutcome> {
  const source = '127.0.0.1:1';
  return new Promise((settle) => {
    path.submit({ transport: 'http', source, lines: Buffer.from(text), count }, settle);
  });
}

async function durable(seq: number): Promise<void> {
  while (wal.durable.seq < seq) await systemClock.sleep(1, new AbortController().signal);
}

async function outcomes(): Promise<{ seq: number; refused: readonly object[] }[]> {
  const { entries } = await readLog(wal);
  return entries
    .flatMap(({ lines }) => lines.map((line) => parseControl(line)))
    .filter((control) => control?.kind === 'outcome');
}

const line = 'put a 1 1 h=x\n';

test('what can never be logged at once is too large, and nothing of it is logged', async () => {
  const most = line.repeat(Math.floor(wal.linesBytesMax / line.length));
  expect(await submit(`${most}${line}`, 1)).toMatchObject({ kind: 'too large' });
  const long = `put ${'m'.repeat(300_000)} 1 1 h=x\n`;
  expect(await submit(`${line}${long}`, 2)).toMatchObject({ kind: 'too large' });
  isLive = false;
  expect(await submit(most, most.length / line.length)).toMatchObject({ kind: 'accepted' });
  const { entries } = await readLog(wal);
  const logged = dataOf(entries).map(([, text]) => `${text}\n`);
  expect(logged.join('')).toBe(most);
});

test('of a request that finds no room nothing is logged', async () => {
  isLive = false;
  disk = new Promise((resolve) => (goOn = resolve));
  const half = line.repeat(Math.floor((wal.linesBytesMax * 0.6) / line.length));
  const first = submit(half, half.length / line.length);
  expect(await submit(half, half.length / line.length)).toMatchObject({ kind: 'unavailable' });
  goOn();
  expect(await first).toMatchObject({ kind: 'accepted' });
  expect(await submit(line, 1)).toMatchObject({ kind: 'accepted' });
  const { entries } = await readLog(wal);
  const logged = dataOf(entries).map(([, text]) => `${text}\n`);
  expect(logged.join('') === half + line).toBe(true);
});

function at(seq: number): Position {
  return { ...wal.durable, seq };
}

describe('the write path', () => {
  test('answers on the log alone while the primary is not live', async () => {
    isLive = false;
    expect(await submit(line, 1)).toMatchObject({ kind: 'accepted', refusals: [] });
  });

  test('waits for the primary while it is live, until it is degraded', async () => {
    let outcome: WriteOutcome | undefined;
    void submit(line, 1).then((settled) => (outcome = settled));
    await durable(2);
    path.checkSlow();
    expect(slow).toBe(0);
    expect(outcome).toBeUndefined();
    aheadMs = 60_000;
    path.checkSlow();
    expect(slow).toBe(1);
    path.degraded();
    await systemClock.sleep(1, new AbortController().signal);
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  test('does not wait for a primary that has stopped when much waits for it', async () => {
    void submit(line, 1);
    await durable(2);
    aheadMs = 1_000;
    path.checkSlow();
    expect(slow).toBe(0);
    path.pressed();
    path.checkSlow();
    expect(slow).toBe(1);
  });

  test('waits for a primary that is slow but goes on, though much waits for it', async () => {
    void submit(line, 1);
    void submit(line, 1);
    await durable(3);
    aheadMs = 1_000;
    path.pressed();
    path.delivered(at(2), []);
    path.pressed();
    path.checkSlow();
    expect(slow).toBe(0);
  });

  test('a request of several records gets the refusals of all, each in an outcome record of its own', async () => {
    const count = 40_000;
    const answer = submit(line.repeat(count), count);
    await durable(4);
    const key = { high: 0, low: 0, receivedAt: 0, instant: 0 };
    const point = { line: '', telnet: false, ...key, error: 'Unknown metric' };
    const first = Array.from({ length: 200 }, (_, index) => ({ ...point, position: at(2), index }));
    const late = path.delivered(at(9), [...first, { ...point, position: at(3), index: 5 }]);
    expect(late).toEqual([]);
    const outcome = await answer;
    const lines = outcome.kind === 'accepted' ? outcome.refusals.map((one) => one.line) : [];
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe(Math.floor((256 * 1024) / line.length) + 5);
    const written = await outcomes();
    expect(new Set(written.map(({ seq }) => seq))).toEqual(new Set([2, 3]));
    expect(written.flatMap(({ refused }) => refused)).toHaveLength(201);
  });

  test('a refusal of what was answered before comes back', async () => {
    isLive = false;
    const outcome = await submit(line, 1);
    if (outcome.kind !== 'accepted') throw new Error(outcome.reason);
    const point = {
      line,
      telnet: false,
      high: 0,
      low: 0,
      error: 'x',
      index: 0,
      receivedAt: 0,
      instant: 0,
      position: outcome.last,
    };
    expect(path.delivered(outcome.last, [point])).toEqual([point]);
  });

  const refused = {
    line: 'put a 1 1 h=x',
    telnet: false,
    high: 0,
    low: 0,
    receivedAt: 0,
    instant: 0,
  };

  test('a refusal that the log cannot take is told to nobody, and comes too late when it comes again', async () => {
    const answer = submit(line, 1);
    await durable(2);
    const point = { ...refused, error: 'Unknown metric', index: 0, position: at(2) };
    const appending = vi.spyOn(wal, 'appendControl').mockReturnValueOnce(undefined);
    expect(path.delivered(at(2), [point])).toEqual([]);
    expect(await answer).toMatchObject({ kind: 'accepted', refusals: [] });
    expect(unlogged).toBe(1);
    appending.mockRestore();
    expect(path.delivered(at(2), [point])).toEqual([point]);
    expect(await outcomes()).toEqual([]);
  });

  test('a refusal that comes twice before its answer is told once', async () => {
    const answer = submit(line, 1);
    await durable(2);
    const point = { ...refused, error: 'Unknown metric', index: 0, position: at(2) };
    expect(path.delivered(undefined, [point])).toEqual([]);
    expect(path.delivered(at(2), [point])).toEqual([]);
    const told = [{ line: 0, text: point.line, error: point.error }];
    expect(await answer).toMatchObject({ kind: 'accepted', refusals: told });
    expect((await outcomes()).flatMap((outcome) => outcome.refused)).toHaveLength(1);
  });

  test('what the log lost is answered as not taken, and later lanes wait on', async () => {
    const answer = submit(line, 1);
    const { lane, ordinal } = { lane: 'a', ordinal: 1 };
    path.lost({ lane, ordinal: ordinal - 1, seq: 0 }, 'an older lane');
    path.lost({ lane, ordinal: ordinal + 1, seq: 0 }, 'torn');
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'torn', logged: 0 });
  });

  test('of what the log lost in part it says how much is there', async () => {
    const answer = submit(line.repeat(40_000), 40_000);
    path.lost({ lane: '', ordinal: 1, seq: 2 }, 'torn');
    const logged = Math.floor((256 * 1024) / line.length);
    expect(await answer).toMatchObject({ kind: 'unavailable', logged });
  });

  test('proof that came before it was asked for counts', async () => {
    path.stored({ lane: 'a', ordinal: 9, seq: 9 });
    expect(await path.awaitStored({ lane: 'a', ordinal: 9, seq: 9 }, 0)).toBe('stored');
    expect(await path.awaitStored({ lane: 'a', ordinal: 9, seq: 10 }, 5)).toBe('timeout');
  });
});

test('an answer waits for Kafka and the primary, whichever is later, while they are live', async () => {
  hasKafka = true;
  let isAnswered = false;
  const answer = submit('put m 1 1 a=b\n', 1).then((outcome) => {
    isAnswered = true;
    return outcome;
  });
  await expect.poll(() => wal.durable.seq).toBe(2);
  path.replicated(wal.durable);
  await Promise.resolve();
  expect(isAnswered).toBe(false);
  path.delivered(wal.durable, []);
  expect(await answer).toMatchObject({ kind: 'accepted' });
});

test('Kafka that answers too late, or is gone, is waited for no more', async () => {
  hasKafka = true;
  isLive = false;
  const answer = submit('put m 1 1 a=b\n', 1);
  await expect.poll(() => wal.durable.seq).toBe(2);
  aheadMs = 61_000;
  path.checkSlow();
  expect(await answer).toMatchObject({ kind: 'accepted' });
});
