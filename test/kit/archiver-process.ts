import { join } from 'node:path';
import { Archiver } from '../../src/archive/write/archiver.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import { openRepository } from '../../src/archive/repository.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/**
 * Run as a process of its own: archives the log of argv[2] to the repository at argv[3], whose lanes are registered,
 * with the scratch folder argv[4]. Says `ready`, and `<lane>/<seq>` for each segment that is committed.
 */
const [data = '', place = '', scratch = ''] = process.argv.slice(2);
const archiver = new Archiver({
  data,
  repository: await openRepository(place),
  duckdb: await Duckdb.open({ scratch: join(scratch, 'duckdb'), memoryMb: 128, threads: 1 }),
  folder: join(scratch, 'segments'),
  // Waits a fiftieth of what is asked.
  clock: {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() * 50,
    sleep: (ms, signal) => systemClock.sleep(ms / 50, signal),
  },
  random: () => 0.5,
  version: '0.0.0',
  events: {
    archived: ({ lane, seq }) => process.stdout.write(`${lane}/${seq}\n`),
    passed: () => undefined,
    state: () => undefined,
    hole: () => undefined,
  },
});
process.stdout.write('ready\n');
await archiver.run(new AbortController().signal);
