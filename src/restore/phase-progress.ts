import type { Clock } from '../runtime/clock.ts';
import { type Measure, Progress } from '../runtime/progress.ts';
import type { Phase, RestoreEvent } from './restore-request.ts';

/** Tells how far a phase is, until it is ended. */
export function phaseProgress({
  clock,
  report,
  phase,
  measure,
}: {
  readonly clock: Clock;
  readonly report: (event: RestoreEvent) => void;
  readonly phase: Phase;
  readonly measure: () => Measure;
}): Progress {
  return new Progress({
    clock,
    measure,
    report: (told) => report({ event: 'progress', phase, ...told }),
  });
}
