import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Batch, type BatchLimits, ChunkBatches } from '../../src/follow/deliver/batch.ts';
import { BatchSize } from '../../src/follow/deliver/batch-size.ts';
import { Chunk } from '../../src/follow/deliver/chunk.ts';
import { orderOf } from '../../src/follow/deliver/fold.ts';
import { SentBodies } from '../../src/follow/deliver/sent-bodies.ts';
import { formatHttpPut, parsePutLine } from '../../src/opentsdb/put-line.ts';
import { formatJsonPoint } from '../../src/opentsdb/put-writer.ts';
import { instantKey } from '../kit/tsd-storage.ts';

interface Line {
  readonly text: string;
  readonly telnet: boolean;
}

/** Each element is a record. */
function chunkOf(
  records: readonly (readonly string[])[],
  isTelnet: (seq: number) => boolean,
): Chunk {
  const chunk = new Chunk(64, 2);
  for (const [at, lines] of records.entries()) {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    chunk.add(bytes, 0, bytes.length, {
      seq: at + 1,
      telnet: isTelnet(at + 1),
      receivedAt: at,
    });
  }
  chunk.last = { lane: 'a', ordinal: 1, seq: records.length };
  return chunk;
}

/** Of three points. */
function longRecord(metric: string): string[] {
  return [1, 2, 3].map((at) => `put ${metric} ${at} ${at} h=${'h'.repeat(300)}`);
}

function linesOf(chunk: Chunk): Line[] {
  return Array.from({ length: chunk.count }, (_, line) => ({
    text: chunk.text(line),
    telnet: chunk.telnet[line] === 1,
  }));
}

function takeAll(batches: ChunkBatches, limits: BatchLimits): Batch[] {
  const taken: Batch[] = [];
  while (batches.nextIsTelnet !== undefined) taken.push(batches.take(limits));
  return taken;
}

/** What a body puts, as lines or as points. */
function saidBy(body: Buffer, telnet: boolean): unknown[] {
  if (telnet) return body.toString('latin1').split('\n').slice(0, -1);
  return JSON.parse(
    body.toString().replaceAll(/"timestamp":(\d+)/g, '"timestamp":"$1"'),
  ) as unknown[];
}

function batchOf(lines: number, bodyBytes: number): Batch {
  const chunk = chunkOf(
    Array.from({ length: lines }, () => ['put a 1 1 h=x']),
    () => false,
  );
  const own = Array.from({ length: lines }, (_, at) => at);
  return { telnet: false, chunk, lines: own, body: Buffer.alloc(bodyBytes), last: chunk.last };
}

function keyOf(text: string): string {
  const { metric, timestamp, tags } = parsePutLine(text);
  const own = tags as Record<string, string>;
  return instantKey({ transport: 'http', metric, timestamp, value: '', tags: own });
}

const value = fc.constantFrom('1', '300', '1.5', '0.1');
const line = fc
  .tuple(fc.constantFrom('a', 'b"c', 'd\\e'), fc.integer({ min: 0, max: 3 }), value, fc.nat(3))
  .map(([metric, second, text, tags]) => {
    const pairs = Array.from({ length: tags + 1 }, (_, at) => `k${at}=v`);
    const seconds = 1_700_000_000 + second;
    const timestamp = second % 2 === 0 ? seconds : seconds * 1_000;
    return `put ${metric} ${timestamp} ${text} ${pairs.join(' ')}`;
  });
const spacedLine = line.map((text) => {
  const { metric, timestamp, value: own, tags } = parsePutLine(text);
  const time = BigInt(timestamp);
  const pairs = Object.entries(tags as Record<string, string>);
  return formatHttpPut({ metric, timestamp: time, value: ` ${own} `, tags: new Map(pairs) });
});
const records = fc.array(fc.array(fc.oneof(line, spacedLine), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
});
/** Lines with a space can only come by HTTP. */
function transportOf(all: readonly (readonly string[])[]): (seq: number) => boolean {
  return (seq) => seq % 3 !== 0 && all[seq - 1]?.every((text) => text.startsWith('put')) === true;
}

describe('batches', () => {
  test('in log order hold every line once, in runs of one transport, within the limits', () => {
    const limits = fc.record({
      points: fc.integer({ min: 1, max: 8 }),
      bytes: fc.integer({ min: 100, max: 900 }),
    });
    fc.assert(
      fc.property(records, limits, (all, limit) => {
        const chunk = chunkOf(all, transportOf(all));
        const batches = takeAll(new ChunkBatches(chunk, 'log'), limit);
        expect(batches.flatMap(({ lines }) => lines)).toEqual([...linesOf(chunk).keys()]);
        for (const { lines, telnet, body } of batches) {
          expect(lines.every((at) => (chunk.telnet[at] === 1) === telnet)).toBe(true);
          expect(lines.length).toBeLessThanOrEqual(limit.points);
          expect(lines.length > 1 ? body.length : 0).toBeLessThanOrEqual(limit.bytes);
        }
      }),
    );
  });

  test('say up to which record all is sent', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 5 }), (all, points) => {
        const chunk = chunkOf(all, transportOf(all));
        const sent = new Set<number>();
        for (const { lines, last } of takeAll(new ChunkBatches(chunk, 'log'), {
          points,
          bytes: 9_999,
        })) {
          for (const at of lines) sent.add(at);
          const open = [...linesOf(chunk).keys()].filter((at) => !sent.has(at));
          const firstOpen = Math.min(...open.map((at) => chunk.seqs[at] ?? 0), all.length + 1);
          expect(last?.seq).toBe(firstOpen - 1);
        }
      }),
    );
  });

  test('carry what the lines say', () => {
    fc.assert(
      fc.property(records, (all) => {
        const chunk = chunkOf(all, transportOf(all));
        for (const { lines, telnet, body } of takeAll(new ChunkBatches(chunk, 'log'), {
          points: 5,
          bytes: 9_999,
        })) {
          const texts = lines.map((at) => chunk.text(at));
          expect(saidBy(body, telnet)).toEqual(
            texts.map((text) => (telnet ? text : parsePutLine(text))),
          );
        }
      }),
    );
  });

  test('made of bodies as they were sent hold every line once, in order, within the limits', () => {
    const host = 'h'.repeat(120);
    const plain = fc
      .tuple(fc.integer({ min: 1, max: 9 }), value, fc.boolean(), fc.boolean())
      .map(([points, text, isKept, isTelnet]) => {
        const lines = Array.from(
          { length: points },
          (_, at) => `put a ${at + 1} ${text} h=${host}`,
        );
        return { lines, isKept: isKept && !isTelnet, isTelnet };
      });
    const limits = fc.record({
      points: fc.integer({ min: 1, max: 20 }),
      bytes: fc.integer({ min: 300, max: 9_000 }),
    });
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 12 }), limits, (all, limit) => {
        const bodies = new SentBodies();
        const chunk = chunkOf(
          all.map(({ lines }) => lines),
          (seq) => all[seq - 1]?.isTelnet === true,
        );
        for (const [at, { lines, isKept }] of all.entries()) {
          const sent = lines.map((text) => formatJsonPoint(text).toString()).join(' ,');
          const body = { points: lines.length, bytes: Buffer.from(sent) };
          if (isKept) bodies.keep({ lane: 'a', ordinal: 1, seq: at + 1 }, body);
        }
        const batches = takeAll(new ChunkBatches(chunk, 'log', bodies), limit);
        expect(batches.flatMap(({ lines }) => lines)).toEqual([...linesOf(chunk).keys()]);
        for (const { lines, telnet, body, last } of batches) {
          const texts = lines.map((at) => chunk.text(at));
          expect(saidBy(body, telnet)).toEqual(
            texts.map((text) => (telnet ? text : parsePutLine(text))),
          );
          expect(lines.length).toBeLessThanOrEqual(limit.points);
          expect(lines.length > 1 ? body.length : 0).toBeLessThanOrEqual(limit.bytes);
          const next = (lines.at(-1) ?? 0) + 1;
          expect(last?.seq).toBe(next < chunk.count ? (chunk.seqs[next] ?? 0) - 1 : all.length);
        }
      }),
    );
  });

  test('leave out what is set aside, also where bodies are there as they were sent', () => {
    const chunk = chunkOf([longRecord('a'), longRecord('b'), longRecord('c')], (seq) => seq === 3);
    const bodies = new SentBodies();
    for (const [at, name] of ['a', 'b'].entries()) {
      const bytes = Buffer.from(longRecord(name).map(formatJsonPoint).join(','));
      bodies.keep({ lane: 'a', ordinal: 1, seq: at + 1 }, { points: 3, bytes });
    }
    for (const aside of [0, 4, 7]) chunk.isBeaten[aside] = 1;
    const batches = takeAll(new ChunkBatches(chunk, 'log', bodies), { points: 99, bytes: 99_999 });
    expect(batches.flatMap(({ lines }) => lines)).toEqual([1, 2, 3, 5, 6, 8]);
    for (const { lines, telnet, body } of batches) {
      const texts = lines.map((at) => chunk.text(at));
      expect(saidBy(body, telnet)).toEqual(
        texts.map((text) => (telnet ? text : parsePutLine(text))),
      );
    }
  });

  test('hold exactly what a body of 8 KiB can', () => {
    const many = Array.from({ length: 400 }, (_, at) => [
      `put sys.cpu.user ${1_700_000_000 + at} 1 host=web${at}`,
    ]);
    const batches = takeAll(
      new ChunkBatches(
        chunkOf(many, () => false),
        'log',
      ),
      { points: 999, bytes: 8_192 },
    );
    for (const { body } of batches) expect(body.length).toBeLessThanOrEqual(8_192);
    for (const { body } of batches.slice(0, -1)) expect(body.length).toBeGreaterThan(7_800);
  });
});

describe('the fold', () => {
  test('keeps the last write of every instant, in an order that ends with the same values', () => {
    fc.assert(
      fc.property(records, (all) => {
        const chunk = chunkOf(all, transportOf(all));
        const wanted = new Map<string, string>();
        for (const { text } of linesOf(chunk)) wanted.set(keyOf(text), text);
        const order = orderOf(chunk, 'folded');
        expect(order.map((at) => chunk.text(at)).toSorted()).toEqual(
          [...wanted.values()].toSorted(),
        );
        const transports = order.map((at) => chunk.telnet[at] ?? 0);
        expect(transports).toEqual(transports.toSorted((a, b) => a - b));
      }),
    );
  });

  test('loses nothing to instants that share a fingerprint', () => {
    const chunk = chunkOf(
      [['put a 1 1 h=x'], ['put b 1 2 h=x'], ['put a 1 3 h=x']],
      (seq) => seq === 1,
    );
    chunk.keyHigh.fill(7);
    chunk.keyLow.fill(16);
    expect(orderOf(chunk, 'folded')).toEqual([0, 1, 2]);
  });

  test('a line in JSON form and a put line of one instant fold', () => {
    const spaced =
      'http POST /api/put {"metric":"a","timestamp":1700000000,"value":" 2 ","tags":{"h":"x"}}';
    const chunk = chunkOf([['put a 1700000000 1 h=x'], [spaced]], (seq) => seq === 1);
    expect(orderOf(chunk, 'folded')).toEqual([1]);
  });
});

describe('the size of batches', () => {
  test('halves down to one point, and grows only after what failed', () => {
    const size = new BatchSize({ points: 8, bytes: 100_000 });
    size.noteFailed(batchOf(8, 100));
    size.noteFailed(batchOf(4, 100));
    expect([size.limits.points, size.isCareful]).toEqual([2, true]);
    size.noteDelivered({ lane: 'a', ordinal: 1, seq: 3 });
    expect(size.limits.points).toBe(2);
    size.noteDelivered({ lane: 'a', ordinal: 1, seq: 4 });
    expect([size.limits.points, size.isCareful]).toEqual([4, false]);
  });

  test('goes to 8 KiB when a body is too large, and stays there until the primary tells another size', () => {
    const size = new BatchSize({ points: 8, bytes: 100_000 });
    expect(size.noteTooLarge(batchOf(8, 20_000))).toBe(true);
    size.tell(undefined);
    expect(size.limits.bytes).toBe(8_192);
    size.tell(50_000);
    expect(size.limits.bytes).toBe(50_000);
    expect(size.noteTooLarge(batchOf(1, 20_000))).toBe(false);
  });
});
