import { Load, LOAD_LIMITS } from '../restore/load/load.ts';
import type { Clock } from '../runtime/clock.ts';
import { Progress, type ProgressTold } from '../runtime/progress.ts';
import type { MendFile } from './mend-file.ts';

export interface MendOptions {
  readonly target: URL;
  readonly file: MendFile;
  /** For temporary files. */
  readonly folder: string;
  /** Points a second; Infinity for no limit. */
  readonly rate: number;
  readonly clock: Clock;
  readonly onProgress: (told: ProgressTold) => void;
  /** The target stands like that now. */
  readonly onState: (state: string, reason: string) => void;
  readonly onRefused: (line: string, error: string) => void;
}

/** What a query makes a TSD rewrite in the rows that it read is over by then: a point that is put meanwhile could be lost. */
const SETTLE_MS = 2_000;

/** Sends what is to be mended, as a restore sends its lines. Resolves once the target provably stores it (true), or the signal aborts. */
export async function mend(options: MendOptions, signal: AbortSignal): Promise<boolean> {
  const { target, file, folder, rate, clock, onState } = options;
  const { log, api } = file.counts;
  await clock.sleep(SETTLE_MS, signal);
  const load = new Load({
    target,
    clock,
    lane: 'compare',
    ranges: [{ kind: 'metrics', first: '', last: '', rows: log + api }],
    directory: folder,
    writeLines: (_range, path) => file.moveTo(path),
    from: undefined,
    earlier: undefined,
    asOfMs: clock.now(),
    rate,
    limits: LOAD_LIMITS,
    events: {
      state: (state) => onState(state.kind, state.kind === 'live' ? '' : state.reason),
      produced: () => undefined,
      resumed: (reason) => onState('behind', reason),
      stored: () => undefined,
      confirmed: () => Promise.resolve(),
      refused: (points) => {
        for (const { line, error } of points) options.onRefused(line, error);
        return Promise.resolve();
      },
    },
  });
  const progress = new Progress({
    clock,
    report: options.onProgress,
    measure: () => ({ progress: load.progress, done: load.points }),
  });
  try {
    return await load.run(signal);
  } finally {
    progress.end();
  }
}
