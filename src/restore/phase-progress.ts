import type { Clock } from '../runtime/clock.ts';
import { type Measure, Progress } from '../runtime/progress.ts';
import type { RestorePhase, RestoreEvent } from './restore-request.ts';

/** Tells how far a phase is, until it is ended. */
export function phaseProgress({
  clock,
  report,
  phase,
  measure,
}: {
  readonly clock: Clock;
  readonly report: (event: RestoreEvent) => void;
  readonly phase: RestorePhase;
  readonly measure: () => Measure;
}): Progress {
  return new Progress({
    clock,
    measure,
    report: (told) => report({ event: 'progress', phase, ...told }),
  });
}
