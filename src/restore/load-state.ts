import type { Clock } from '../runtime/clock.ts';
import { type ExpectedState, StateTally } from './expected-state.ts';
import { interrupted } from './interruption.ts';
import { Load, LOAD_LIMITS, type LoadEvents } from './load.ts';
import { Progress } from './progress.ts';
import type { RestoreEvent, StateCounts } from './restore-request.ts';
import type { Checkpoint, WorkDirectory } from './work-directory.ts';

export interface StateRun {
  readonly target: URL;
  readonly state: ExpectedState;
  readonly work: WorkDirectory;
  readonly clock: Clock;
  readonly report: (event: RestoreEvent) => void;
  readonly signal: AbortSignal;
}

export interface LoadRun extends StateRun {
  /** Of an earlier run; undefined for the first. */
  readonly checkpoint: Checkpoint | undefined;
  readonly rate: number;
}

/**
 * Loads the state from where an earlier run stood, and notes how far it has come. Resolves to what it loaded, null when that was
 * only the rest. Throws RESTORE_INTERRUPTED when the signal aborts.
 */
export async function loadState(run: LoadRun): Promise<StateCounts | null> {
  const { target, state, work, clock, report, signal, checkpoint, rate } = run;
  const { plan, ranges, fold } = state;
  if (checkpoint?.phase === 'loaded') return null;
  const lane = `restore-${plan.plan.slice(0, 12)}`;
  const place = checkpoint?.position ?? null;
  // From here on the target may hold something: the next run must know that it is from this one.
  if (place === null) await save(run, 'loading', null);
  const tally = new StateTally();
  let done = 0;
  const load = new Load({
    target,
    clock,
    lane,
    ranges,
    directory: work.ranges,
    writeLines: async (range, paths) => {
      tally.add(range, await fold.writeLines(range, paths));
    },
    from: place === null ? undefined : { lane, ...place },
    targetMs: plan.toMs,
    rate,
    limits: LOAD_LIMITS,
    events: eventsOf(run, (points) => {
      done += points;
    }),
  });
  if (checkpoint !== undefined) {
    report({ event: 'resuming', work: work.path, progress: load.progress });
  }
  const measure = (): { progress: number; done: number } => ({ progress: load.progress, done });
  const progress = new Progress({ clock, report, phase: 'loading', measure });
  try {
    const isLoaded = await load.run(signal);
    if (!isLoaded) throw interrupted(work.path, plan.toMs);
  } finally {
    progress.end();
  }
  await save(run, 'loaded', null);
  return place === null ? tally.counts : null;
}

function eventsOf(run: LoadRun, onAnswered: (points: number) => void): LoadEvents {
  const { report, work } = run;
  return {
    state: (now) => {
      const reason = now.kind === 'live' ? '' : now.reason;
      report({ event: 'state', state: now.kind, reason });
    },
    resumed: (reason) => report({ event: 'state', state: 'behind', reason }),
    answered: onAnswered,
    confirmed: ({ ordinal, seq }) => save(run, 'loading', { ordinal, seq }),
    refused: async (points) => {
      const lines = points.map(({ line, error, telnet }) => {
        return { line, error, transport: telnet ? 'telnet' : 'http' };
      });
      await work.append(work.refusedPath, lines);
    },
  };
}

async function save(
  { work, state }: LoadRun,
  phase: Checkpoint['phase'],
  position: Checkpoint['position'],
): Promise<void> {
  const { plan, toMs } = state.plan;
  await work.save({ plan, targetMs: toMs, phase, position });
}
