import { join } from 'node:path';
import { Duckdb } from '../src/archive/duckdb.ts';
import { openRepository } from '../src/archive/repository.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { beginningAt } from '../src/standby/place.ts';
import { RepositorySource } from '../src/standby/repository/repository-source.ts';

/** What a standby of a repository does before it gives anything, in a process of its own; then tells how long its looks took. */
const [place = '', scratch = '', at = ''] = process.argv.slice(2);
const LOOK_MS = 10_000;

let passedMs = 0;
const source = new RepositorySource({
  repository: await openRepository(place),
  duckdb: await Duckdb.open({ scratch: join(scratch, 'duckdb'), memoryMb: 150, threads: 1 }),
  clock: { ...systemClock, monotonicMs: () => performance.now() + passedMs },
  damaged: [],
  events: { bypassed: () => undefined, damaged: () => undefined, losing: () => undefined },
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1_000;
}

const firstSeconds = await timed(() => source.seek(beginningAt(Number(at))));
await source.next();
passedMs += LOOK_MS;
const laterSeconds = await timed(() => source.next());
await source.close();
process.stdout.write(`${JSON.stringify({ firstSeconds, laterSeconds })}\n`);
