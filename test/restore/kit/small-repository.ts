import type { Duckdb } from '../../../src/archive/duckdb.ts';
import { indexClosedMonths } from '../../../src/archive/merge/month-index.ts';
import { Fabricated, type MadeObject } from './fabricated.ts';
import type { MadeLane, MadeRecord } from './history.ts';

const FIRST = 'aaaaaaaaaaaaaaaa';
const SECOND = 'bbbbbbbbbbbbbbbb';
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 4, 28, 10, 48);

/** Two lanes: the first ended, the second goes on in the next month. */
export const LANES: readonly MadeLane[] = [
  {
    lane: FIRST,
    records: [
      control(0, '!open {"version":"1","previous":null,"reason":"start","holes":[]}'),
      put(2, 'http', 'put m 1500000000 1 h=a', 'put m 1500000000 2 h=b'),
      put(4, 'telnet', 'put m 1500000001 1.10 h=a'),
      put(6, 'http', 'put m 1500000000 300 h=a', 'put sys.cpu 1500000000 9007199254740993 h=a'),
      put(
        8,
        'http',
        'http POST /api/put {"metric":"j","timestamp":1500000000,"value":"2","tags":{"h":"a b"}}',
      ),
      put(10, 'telnet', 'put m 1500000002 7 h=a', 'put m 1500000003 8 h=a'),
      put(12, 'http', 'put n 1500000000500 1 h=a'),
      put(14, 'http', 'put n 1500000000500 2 h=a', 'put n 1500000001 3 h=a'),
      control(16, `!tick {"confirmed":"${FIRST}/4"}`),
      put(18, 'http', 'put n 1500000002 4 h=a'),
      put(20, 'http', 'put n 1500000003 5 h=a'),
      put(22, 'http', 'put n 1500000004 6 h=a'),
    ],
  },
  {
    lane: SECOND,
    records: [
      control(
        40,
        `!open {"version":"1","previous":{"lane":"${FIRST}","lastSeq":12},"reason":"start","holes":[]}`,
      ),
      put(42, 'http', 'put m 1500000001 2 h=a', 'put m 1500000009 5 h=b'),
      control(
        44,
        `!outcome {"lane":"${FIRST}","seq":6,"refused":[{"index":1,"error":"no such name"}]}`,
      ),
      control(46, '!bypass {"method":"POST","path":"/api/uid/assign","source":"10.0.0.1:5"}'),
      put(48, 'telnet', 'put n 1500000004 7 h=a'),
      put(50, 'http', 'put o 1500000000 1 h=a'),
      put(52, 'http', 'put o 1500000001 2 h=a'),
      control(54, '!tick {"confirmed":null}'),
      control(6 * 24 * 60, `!tick {"confirmed":"${SECOND}/7"}`),
    ],
  },
];

const OBJECTS: Readonly<Record<string, readonly MadeObject[]>> = {
  [FIRST]: [
    ...minutes([1, 3], [4, 6], [7, 9], [10, 12]),
    { level: 'hour', firstSeq: 1, lastSeq: 6 },
    { level: 'hour', firstSeq: 7, lastSeq: 12 },
    { level: 'day', firstSeq: 1, lastSeq: 12 },
  ],
  // The first of them is only in a merged one.
  [SECOND]: [
    ...minutes([4, 5], [6, 7], [8, 8], [9, 9]),
    { level: 'hour', firstSeq: 1, lastSeq: 5 },
  ],
};

/** Of times in the first lane, and in the second. */
export const MOMENTS_MS = [9, 21.5, 51].map((minute) => START_MS + minute * MINUTE_MS);

/** A whole repository with an object of every kind and level, but for a hole marker. */
export async function smallRepository(duckdb: Duckdb): Promise<Fabricated> {
  const made = await Fabricated.create('repository', duckdb);
  await made.write(LANES, ({ lane }) => OBJECTS[lane] ?? []);
  await indexClosedMonths(made.repository.store, Date.UTC(2026, 5, 10), 'test');
  return made;
}

function minutes(...spans: readonly (readonly [number, number])[]): MadeObject[] {
  return spans.map(([firstSeq, lastSeq]) => ({ level: 'minute', firstSeq, lastSeq }));
}

function put(minute: number, transport: 'http' | 'telnet', ...lines: string[]): MadeRecord {
  return { receivedAt: START_MS + minute * MINUTE_MS, transport, lines };
}

function control(minute: number, line: string): MadeRecord {
  const confirmed = /"confirmed":"([^"]+)"/.exec(line)?.[1];
  const record = {
    receivedAt: START_MS + minute * MINUTE_MS,
    transport: 'log',
    lines: [line],
  } as const;
  return confirmed === undefined ? record : { ...record, confirmed };
}
