import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duckdb } from '../../archive/duckdb.ts';
import { readHistory } from '../../archive/search/read-history.ts';
import { type SearchEvent, searchWrites } from '../../archive/search/search.ts';
import type { SegmentFacts } from '../../archive/write/segment-facts.ts';
import { openSources, type Sources } from '../../archive/tail/sources.ts';
import type { TopicLog } from '../../archive/topic/topic-log.ts';
import type { Damaged } from '../../archive/holdings/without-damaged.ts';
import { touches, type WriteFilter } from '../../archive/search/write-filter.ts';
import { WalError } from '../../runtime/errors.ts';
import { Cursor } from '../../wal/cursor.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { type GrepFilterOptions, parseGrepFilter, parseLimit } from './grep-filter.ts';
import { formatJson, formatText, jsonHead, tellNothing } from './grep-report.ts';
import { type Print, printToStdout } from '../print.ts';
import { listenForStop } from '../../runtime/stop-signal.ts';
import { TOPIC_UNREAD } from '../../archive/topic/topic-unread.ts';

export interface GrepOptions extends GrepFilterOptions {
  readonly repository?: string;
  readonly data?: string;
  readonly topic?: TopicLog | undefined;
  readonly limit?: string;
  readonly json?: boolean;
}

export interface GrepOutput {
  readonly print: Print;
  readonly warn: (text: string) => void;
}

const DUCKDB_LIMITS = { memoryMb: 300, threads: 2 } as const;

const TERMINAL: GrepOutput = {
  print: printToStdout,
  warn: (text) => process.stderr.write(text),
};

/** Prints who wrote what, as it was received. Changes nothing, but for temporary files. */
export async function grepLog(
  options: GrepOptions,
  output: GrepOutput = TERMINAL,
): Promise<ExitCode> {
  const filter = parseGrepFilter(options);
  const limit = parseLimit(options.limit);
  if (options.repository === undefined && options.data === undefined) throw noSource();
  const sources = await openSources(options);
  using stop = listenForStop();
  const folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-grep-'));
  try {
    const duckdb = await Duckdb.open({ scratch: join(folder, 'duckdb'), ...DUCKDB_LIMITS });
    try {
      const now = Date.now();
      if (options.json === true) await output.print(jsonHead(sources, now));
      if (await isTopicUnread(options)) output.warn(`${TOPIC_UNREAD.read}\n`);
      const { signal } = stop;
      const reading = {
        duckdb,
        folder,
        isWanted: ({ firstMs, lastMs, refused }: SegmentFacts): boolean =>
          refused > 0 || touches(filter.received, { from: firstMs, to: lastMs }),
        onRead: () => undefined,
        now,
        signal,
      };
      const history = await readHistory(sources, reading);
      const isAlone = sources.data === undefined && sources.topic === undefined;
      const readWithout = isAlone
        ? undefined
        : (damaged: Damaged) => readHistory(sources, reading, damaged);
      const { store } = sources;
      const search = { ...history, readWithout, store, duckdb, filter, limit, signal };
      const searched = { filter, sources, isJson: options.json === true };
      return await show(searchWrites(search), searched, output);
    } finally {
      duckdb.close();
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    output.warn('interrupted: there may be more than what was shown\n');
    return EXIT.fault;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isTopicUnread({ data, topic }: GrepOptions): Promise<boolean> {
  return data !== undefined && topic === undefined && (await Cursor.isThere(data, 'kafka'));
}

function noSource(): WalError {
  return new WalError('CONFIG_INVALID', '--repository is missing', {
    hint: 'Name what `start` archives to, or its --data directory.',
  });
}

interface Searched {
  readonly filter: WriteFilter;
  readonly sources: Sources;
  readonly isJson: boolean;
}

async function show(
  events: AsyncIterable<SearchEvent>,
  { filter, sources, isJson }: Searched,
  { print, warn }: GrepOutput,
): Promise<ExitCode> {
  const format = isJson ? formatJson : formatText;
  let code: ExitCode = EXIT.ok;
  for await (const event of events) {
    const { out, err } = format(event);
    if (err !== '') warn(err);
    const isNothing = event.kind === 'end' && event.writes === 0;
    if (isNothing && !isJson) warn(tellNothing(filter, sources, event.held));
    const goesOn = out === '' || (await print(out));
    if (!goesOn) return EXIT.ok;
    if (event.kind === 'damage') code = EXIT.spoilt;
    else if (event.kind === 'hole' && code === EXIT.ok) code = EXIT.hole;
    else if (isNothing && code === EXIT.ok) code = EXIT.nothing;
  }
  return code;
}
