import type { EarlierStored } from '../../follow/feed.ts';
import type { Position } from '../../record/position.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Measure } from '../../runtime/progress.ts';
import { type ExpectedState, StateTally } from '../expected-state.ts';
import { Load, LOAD_LIMITS, type LoadEvents } from './load.ts';
import { phaseProgress } from '../phase-progress.ts';
import type { RestoreEvent, StateCounts } from '../restore-request.ts';
import type { Checkpoint, WorkDirectory } from '../work-directory/work-directory.ts';
import { SerialQueue } from '../../runtime/serial-queue.ts';

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
 * only the rest. Rejects when the signal aborts.
 */
export async function loadState(run: LoadRun): Promise<StateCounts | null> {
  const { target, state, work, clock, report, signal, checkpoint, rate } = run;
  const { plan, ranges, fold } = state;
  if (checkpoint?.phase === 'loaded') return null;
  const lane = `restore-${plan.plan.slice(0, 12)}`;
  const { position = null, stored = null } = checkpoint ?? {};
  const isFresh = position === null && stored === null;
  const keeper = new Keeper(run, position, stored);
  // From here on the target may hold something: the next run must know that it is from this one.
  if (isFresh) await keeper.save('loading');
  const tally = new StateTally(state.demands.series);
  const load = new Load({
    target,
    clock,
    lane,
    ranges,
    directory: work.ranges,
    writeLines: async (range, path) => {
      tally.add({ provisional: await fold.writeLines(range, path) });
    },
    from: position === null ? undefined : { lane, ...position },
    earlier: stored === null ? undefined : { ...stored, position: { lane, ...stored.place } },
    asOfMs: plan.toMs,
    rate,
    limits: LOAD_LIMITS,
    events: {
      ...eventsOf(run, keeper),
      produced: ({ http, telnet }) => {
        const points = http.count + telnet.count;
        tally.add({ points, telnet: telnet.count, bytes: http.bytes + telnet.bytes });
      },
    },
  });
  if (checkpoint !== undefined) {
    report({ event: 'resuming', work: work.path, progress: load.progress });
  }
  const measure = (): Measure => ({ progress: load.progress, done: load.points });
  const progress = phaseProgress({ clock, report, phase: 'loading', measure });
  try {
    const isLoaded = await load.run(signal);
    if (!isLoaded) throw signal.reason;
  } finally {
    progress.end();
  }
  await keeper.save('loaded');
  return isFresh ? tally.counts : null;
}

function eventsOf(run: LoadRun, keeper: Keeper): Omit<LoadEvents, 'produced'> {
  const { report, work } = run;
  return {
    state: (now) => {
      const reason = now.kind === 'live' ? '' : now.reason;
      report({ event: 'state', state: now.kind, reason });
    },
    resumed: (reason) => report({ event: 'state', state: 'behind', reason }),
    stored: (earlier) => keeper.noteStored(earlier),
    confirmed: (position) => keeper.noteConfirmed(position),
    refused: async (points) => {
      const lines = points.map(({ line, error, telnet }) => {
        return { line, error, transport: telnet ? 'telnet' : 'http' };
      });
      await work.append(work.refusedPath, lines);
    },
  };
}

/** Writes down how far the load has come, one write after the other. */
class Keeper {
  readonly #run: LoadRun;
  #position: Checkpoint['position'];
  #stored: Checkpoint['stored'];
  readonly #saves = new SerialQueue();

  constructor(run: LoadRun, position: Checkpoint['position'], stored: Checkpoint['stored']) {
    this.#run = run;
    this.#position = position;
    this.#stored = stored;
  }

  noteStored({ position: { ordinal, seq }, vitals }: EarlierStored): void {
    this.#stored = { place: { ordinal, seq }, vitals };
    // Should it fail, the next run sends more again; `noteConfirmed` fails then, too, and is heard.
    void this.save('loading').catch(() => undefined);
  }

  async noteConfirmed({ ordinal, seq }: Position): Promise<void> {
    this.#position = { ordinal, seq };
    await this.save('loading');
  }

  async save(phase: Checkpoint['phase']): Promise<void> {
    const { state, target } = this.#run;
    const { plan, toMs } = state.plan;
    const content = { position: this.#position, stored: this.#stored };
    const place = { target: target.origin, asOfMs: toMs };
    const checkpoint: Checkpoint = { plan, ...place, phase, ...content };
    return this.#saves.run(() => this.#run.work.save(checkpoint));
  }
}
