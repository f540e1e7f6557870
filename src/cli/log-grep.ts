import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCatalog } from '../archive/catalog.ts';
import { Duckdb } from '../archive/duckdb.ts';
import { openRepository } from '../archive/repository.ts';
import { type SearchEvent, searchWrites } from '../archive/search.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { type GrepFilterOptions, parseGrepFilter, parseLimit } from './grep-filter.ts';
import { formatJson, formatText, jsonHead } from './grep-report.ts';
import { type Print, printToStdout } from './print.ts';

export interface GrepOptions extends GrepFilterOptions {
  readonly repository: string;
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
  const repository = await openRepository(options.repository);
  const { store } = repository;
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const folder = await mkdtemp(join(tmpdir(), 'tsdb-wal-grep-'));
  try {
    const duckdb = await Duckdb.open({ scratch: join(folder, 'duckdb'), ...DUCKDB_LIMITS });
    try {
      const catalog = await readCatalog(store);
      if (options.json === true) await output.print(jsonHead({ repository, at: Date.now() }));
      const search = { store, catalog, local: new Map(), duckdb, filter, limit };
      return await show(searchWrites({ ...search, signal: stop.signal }), options, output);
    } finally {
      duckdb.close();
    }
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
    await rm(folder, { recursive: true, force: true });
  }
}

async function show(
  events: AsyncIterable<SearchEvent>,
  { json }: GrepOptions,
  { print, warn }: GrepOutput,
): Promise<ExitCode> {
  const format = json === true ? formatJson : formatText;
  let code: ExitCode = EXIT.ok;
  for await (const event of events) {
    const { out, err } = format(event);
    if (err !== '') warn(err);
    const goesOn = out === '' || (await print(out));
    if (!goesOn) return EXIT.ok;
    if (event.kind === 'damage') code = EXIT.spoilt;
    else if (event.kind === 'hole' && code === EXIT.ok) code = EXIT.hole;
    else if (event.kind === 'end' && event.writes === 0 && code === EXIT.ok) code = EXIT.nothing;
  }
  return code;
}
