import { parseArgs } from 'node:util';
import { BenchError } from './processes.ts';

export const HELP = `usage: npm run bench:archive -- [options]

  --points N          points of each log that is archived (3000000)
  --series N          series of the regular log, every 10 s each (1000)
  --years N           years of four lanes that \`info\` and others look at; 0 leaves that out (10)
  --all-sidecars      also with every minute and hour of the closed months still there: 6.4 million small files a year
  --folder DIR        where everything is written; must be on a real disk (a new folder in the temporary one)
  --main FILE         the built tsdb-wal (dist/main.js)
  --json FILE         write everything measured to FILE
  --quick             300,000 points and one year
  --strict            exit with 1 when a target is missed
  --help

Example: npm run bench:archive -- --points 1000000 --years 10 --json archive.json
`;

export interface ArchiveOptions {
  readonly points: number;
  readonly series: number;
  readonly years: number;
  readonly hasAllSidecars: boolean;
  readonly folder: string | undefined;
  readonly main: string;
  readonly json: string | undefined;
  readonly isStrict: boolean;
}

/** Undefined when help was asked for. */
export function parseArchiveOptions(argv: readonly string[]): ArchiveOptions | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      points: text,
      series: text,
      years: text,
      'all-sidecars': flag,
      folder: text,
      main: { type: 'string', default: 'dist/main.js' },
      json: text,
      quick: flag,
      strict: flag,
      help: flag,
    },
  });
  if (values.help) return undefined;
  return {
    points: count('points', values.points, values.quick ? 300_000 : 3_000_000, 1),
    series: count('series', values.series, 1_000, 10),
    years: count('years', values.years, values.quick ? 1 : 10, 0),
    hasAllSidecars: values['all-sidecars'],
    folder: values.folder,
    main: values.main,
    json: values.json,
    isStrict: values.strict,
  };
}

function count(name: string, text: string | undefined, byDefault: number, least: number): number {
  const value = text === undefined ? byDefault : Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new BenchError(`bench: --${name} wants a whole number from ${least} on, not ${text}`);
}
