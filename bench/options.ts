import { parseArgs } from 'node:util';
import type { Subject } from './measure.ts';
import { BenchError } from './processes.ts';
import { OUTAGES, QUICK_SHAPES, READING, SHAPES } from './shapes.ts';
import type { Outage, Shape } from './shapes.ts';

export const HELP = `usage: npm run bench -- [options]

  --rounds N          rounds, of which the median counts (3)
  --seconds S         length of each run (2)
  --warm-up S         load that each process gets first, of all shapes together (80; quick: 6)
  --shapes A,B        of: ${[...SHAPES.map(({ name }) => name), ...OUTAGES, READING].join(', ')}
  --only A,B          of: direct, floor, least-log, tsdb-wal, tsdb-wal+kafka (all)
  --kafka HOST:PORT   also measure with Kafka, in a topic that is made for it and deleted, and reading that topic
  --against WHAT      null (the built-in sink), or the URL of an OpenTSDB
  --pids A,B          the processes of the OpenTSDB and its HBase (found by the port of the URL)
  --folder DIR        where the log is written; must be on a real disk (a new folder in the temporary one)
  --main FILE         the built tsdb-wal (dist/main.js)
  --json FILE         write everything measured to FILE
  --floor-nodelay     the floor's telnet sockets with TCP_NODELAY; not the floor of the targets
  --quick             one round of one second of four shapes
  --strict            exit with 1 when a target is missed
  --help

Example: npm run bench -- --rounds 5 --shapes http50x8,telnet50x8 --json bench.json
`;

const SUBJECTS = [
  'direct',
  'floor',
  'least-log',
  'tsdb-wal',
  'tsdb-wal+kafka',
] as const satisfies readonly Subject['name'][];

const WITHOUT_KAFKA = SUBJECTS.filter((name) => name !== 'tsdb-wal+kafka');

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly shapes: readonly Shape[];
  readonly outages: readonly Outage[];
  /** Whether it is measured how fast a topic is read. */
  readonly isReading: boolean;
  readonly subjects: readonly Subject['name'][];
  /** `host:port` of a real OpenTSDB; undefined is the null sink. */
  readonly openTsdb: string | undefined;
  readonly pids: readonly number[];
  /** A broker, `host:port`. */
  readonly kafka: string | undefined;
  readonly folder: string | undefined;
  readonly main: string;
  readonly json: string | undefined;
  readonly isFloorNoDelay: boolean;
  readonly isStrict: boolean;
}

/** Undefined when help was asked for. */
export function parseOptions(argv: readonly string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: text,
      seconds: text,
      'warm-up': text,
      shapes: text,
      shape: text,
      only: text,
      against: { type: 'string', default: 'null' },
      pids: { type: 'string', default: '' },
      kafka: text,
      folder: text,
      main: { type: 'string', default: 'dist/main.js' },
      json: text,
      'floor-nodelay': flag,
      quick: flag,
      strict: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  const subjects = chosen(values.only, values.kafka === undefined ? WITHOUT_KAFKA : SUBJECTS);
  const openTsdb = values.against === 'null' ? undefined : new URL(values.against).host;
  const names = chosen(values.shapes ?? values.shape, [...SHAPES.map(nameOf), ...OUTAGES, READING]);
  const isChosen = (values.shapes ?? values.shape) !== undefined;
  const wanted = isChosen || !values.quick ? names : QUICK_SHAPES;
  return {
    rounds: positive('rounds', values.rounds, values.quick ? 1 : 3),
    seconds: positive('seconds', values.seconds, values.quick ? 1 : 2),
    warmUpSeconds: positive('warm-up', values['warm-up'], values.quick ? 6 : 80),
    shapes: SHAPES.filter(({ name }) => wanted.includes(name)),
    outages: OUTAGES.filter(
      (name) => wanted.includes(name) && subjects.includes('tsdb-wal') && openTsdb === undefined,
    ),
    isReading: wanted.includes(READING),
    subjects,
    openTsdb,
    pids: values.pids.split(',').filter(Boolean).map(Number),
    kafka: values.kafka,
    folder: values.folder,
    main: values.main,
    json: values.json,
    isFloorNoDelay: values['floor-nodelay'],
    isStrict: values.strict,
  };
}

function nameOf({ name }: Shape): string {
  return name;
}

function chosen<T extends string>(list: string | undefined, known: readonly T[]): readonly T[] {
  const names = list?.split(',') ?? known;
  const unknown = names.filter((name) => !known.some((one) => one === name));
  if (unknown.length > 0) {
    throw new BenchError(`bench: unknown: ${unknown.join(', ')}; known: ${known.join(', ')}`);
  }
  return known.filter((name) => names.includes(name));
}

function positive(name: string, text: string | undefined, byDefault: number): number {
  const value = text === undefined ? byDefault : Number(text);
  if (!(value > 0)) throw new BenchError(`bench: --${name} wants a number above 0, not ${text}`);
  return value;
}
