import fc from 'fast-check';
import type { MadeLane, MadeRecord } from './history.ts';
import type { MadeObject } from './fabricated.ts';

const LANES = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', '0123456789abcdef'];
export const START_MS = 1_780_000_000_000;

const metrics = fc.constantFrom('m', 'm.a', 'sys.cpu', 'é', 'j', 'j');
const tags = fc.constantFrom(
  'h=a',
  'h=b',
  'h=a i=c',
  'i=c h=a',
  'z=1 a=2',
  'h=a%b',
  'h=a,b',
  'h=c',
);
const timestamps = fc.oneof(
  fc.integer({ min: 1_500_000_000, max: 1_500_000_003 }).map(String),
  fc.integer({ min: 1_500_000_000_000, max: 1_500_000_001_000 }).map((ms) => `${ms - (ms % 500)}`),
);
const values = fc.constantFrom('1', '300', '-0', '1.10', '1e5', '9007199254740993', '0.1', '1.5');
const putLines = fc
  .tuple(metrics, timestamps, values, tags)
  .map(([metric, timestamp, value, pairs]) => `put ${metric} ${timestamp} ${value} ${pairs}`);
const jsonLines = fc
  .tuple(timestamps, fc.constantFrom(' 1.5 ', '2'), fc.constantFrom('h a', 'a%b', 'a,b', '=', 'c'))
  .map(
    ([timestamp, value, tag]) =>
      `http POST /api/put {"metric":"j","timestamp":${timestamp},"value":"${value}","tags":{"h":"${tag}"}}`,
  );

const records: fc.Arbitrary<Omit<MadeRecord, 'receivedAt'> & { ms: number }> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      ms: fc.constantFrom(0, 0, 1, 2, 7),
      transport: fc.constant('http' as const),
      lines: fc.array(fc.oneof({ weight: 5, arbitrary: putLines }, jsonLines), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      ms: fc.constantFrom(0, 1, 3),
      transport: fc.constant('telnet' as const),
      lines: fc.array(putLines, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      ms: fc.constantFrom(0, 5),
      transport: fc.constant('log' as const),
      lines: fc.constantFrom(['!tick {}'], ['!cut {}']),
    }),
  },
);

export interface MadeHistory {
  readonly lanes: readonly MadeLane[];
  /** How many records each minute segment of a lane has, one after the other; hours of so many minutes. */
  readonly cuts: readonly number[];
  readonly hours: readonly number[];
}

/** Lanes one after the other, with refusals of earlier lines told in later records. */
export const histories: fc.Arbitrary<MadeHistory> = fc
  .record({
    lanes: fc.array(fc.array(records, { minLength: 1, maxLength: 25 }), {
      minLength: 1,
      maxLength: 3,
    }),
    outcomes: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 6 }),
    cuts: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
    hours: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  })
  .map(({ lanes, outcomes, cuts, hours }) => ({
    lanes: withOutcomes(lanes, outcomes),
    cuts,
    hours,
  }));

/** The same, where the log went back to earlier moments, some of them more than once: each is said at the end of a lane. */
export const forkedHistories: fc.Arbitrary<MadeHistory> = fc
  .tuple(
    histories,
    fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 3 }),
  )
  .map(([{ lanes, cuts, hours }, forks]) => ({ lanes: withForks(lanes, forks), cuts, hours }));

/** The same, where the clock was set back, or on, between lanes; a last record is received after all others. */
export const setBackHistories: fc.Arbitrary<MadeHistory> = fc
  .tuple(histories, fc.array(fc.integer({ min: -60, max: 60 }), { minLength: 3, maxLength: 3 }))
  .map(([{ lanes, cuts, hours }, leaps]) => {
    let leapt = 0;
    let lastMs: number | undefined;
    const moved = lanes.map(({ lane, records: all }, index): MadeLane => {
      // A lane begins after the one before, unless the clock was set back: never in one millisecond.
      if (index > 0) leapt += 1 + (leaps[index] ?? 0);
      if (lastMs !== undefined && (all[0]?.receivedAt ?? 0) + leapt === lastMs) leapt += 1;
      const own = all.map((record): MadeRecord =>
        Object.assign({}, record, { receivedAt: record.receivedAt + leapt }),
      );
      lastMs = own.at(-1)?.receivedAt;
      if (index < lanes.length - 1) return { lane, records: own };
      const end = { receivedAt: START_MS + 10_000, transport: 'log', lines: ['!tick {}'] } as const;
      return { lane, records: [...own, end] };
    });
    return { lanes: moved, cuts, hours };
  });

/** `forks`: after which lane, how far back, and whether it is said once more, after the last lane. */
function withForks(
  lanes: readonly MadeLane[],
  forks: readonly (readonly [number, number, boolean])[],
): MadeLane[] {
  const said = lanes.map((): string[] => []);
  for (const [index, [which, back, isTwice]] of forks.entries()) {
    const last = which % lanes.length;
    const known = lanes.slice(0, last + 1);
    const endMs = known.at(-1)?.records.at(-1)?.receivedAt ?? START_MS;
    const at = endMs - (back % (endMs - START_MS + 1));
    const undone = known.flatMap(({ lane, records: all }) => {
      const from = all.findIndex(({ receivedAt }) => receivedAt > at) + 1;
      return from === 0 ? [] : [{ lane, from, to: all.length }];
    });
    const line = `!fork ${JSON.stringify({ id: String(index).padStart(16, '0'), at, undone })}`;
    said[last]?.push(line);
    if (isTwice) said.at(-1)?.push(line);
  }
  let lateMs = 0;
  return lanes.map(({ lane, records: all }, index) => {
    const own = all.map((record): MadeRecord =>
      Object.assign({}, record, { receivedAt: record.receivedAt + lateMs }),
    );
    for (const line of said[index] ?? []) {
      const receivedAt = (own.at(-1)?.receivedAt ?? START_MS) + 1;
      own.push({ receivedAt, transport: 'log', lines: [line] });
      lateMs += 1;
    }
    return { lane, records: own };
  });
}

/** Minutes, and hours over some of them: what the minutes of an hour hold is there twice. */
export function objectsOf(
  { records: all }: MadeLane,
  { cuts, hours }: Pick<MadeHistory, 'cuts' | 'hours'>,
): MadeObject[] {
  const minutes: MadeObject[] = [];
  for (let firstSeq = 1, n = 0; firstSeq <= all.length; n += 1) {
    const lastSeq = Math.min(all.length, firstSeq + (cuts[n % cuts.length] ?? 1) - 1);
    minutes.push({ level: 'minute', firstSeq, lastSeq });
    firstSeq = lastSeq + 1;
  }
  const objects = [...minutes];
  for (let at = 0, n = 0; at < minutes.length; n += 1) {
    const part = minutes.slice(at, at + (hours[n % hours.length] ?? 1));
    at += part.length;
    const [first] = part;
    const last = part.at(-1);
    if (n % 2 === 0 && first !== undefined && last !== undefined) {
      objects.push({ level: 'hour', firstSeq: first.firstSeq, lastSeq: last.lastSeq });
    }
  }
  return objects;
}

function withOutcomes(
  made: readonly (readonly (Omit<MadeRecord, 'receivedAt'> & { ms: number })[])[],
  outcomes: readonly (readonly [number, number, number])[],
): MadeLane[] {
  const positions = made.flatMap((lane, index) =>
    lane.map((record, at) => ({ index, seq: at + 1, record })),
  );
  const told = new Map<number, string[]>();
  for (const [which, later, line] of outcomes) {
    const place = which % positions.length;
    const target = positions[place];
    if (target === undefined || target.record.transport === 'log') continue;
    const outcome = {
      lane: LANES[target.index],
      seq: target.seq,
      refused: [{ index: line % target.record.lines.length, error: 'no' }],
    };
    const at = place + 1 + (later % Math.max(1, positions.length - place));
    told.set(at, [...(told.get(at) ?? []), `!outcome ${JSON.stringify(outcome)}`]);
  }
  let ms = START_MS;
  let place = 0;
  // Outcomes take the place of ticks, so that the sequences of the others stay.
  return made.map((lane, index) => {
    const all: MadeRecord[] = [];
    for (const { ms: step, ...record } of lane) {
      ms += step;
      all.push({ ...record, receivedAt: ms });
      place += 1;
    }
    const isLast = index === made.length - 1;
    const due = [...told].filter(([at]) => at <= place || isLast).flatMap(([, lines]) => lines);
    for (const [at] of told) if (at <= place || isLast) told.delete(at);
    if (due.length > 0) all.push({ receivedAt: (ms += 1), transport: 'log', lines: due });
    return { lane: LANES[index] ?? '', records: all };
  });
}
