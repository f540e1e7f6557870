import { firstOfEach, type LoggedFork, recordsIn } from '../../record/fork.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** A moment to which the log went back: from `since` on what was received after `at`, and before that was decided, counts no more. */
export interface InfoFork {
  readonly id: string;
  readonly at: string;
  readonly since: string;
  /** Of so many lanes so many records are undone. */
  readonly lanes: number;
  readonly records: number;
}

/** Each once, in the order in which they were said. */
export function describeForks(said: readonly LoggedFork[]): InfoFork[] {
  return firstOfEach(said).map(({ id, at, receivedAt, undone }) => {
    const lanes = new Set(undone.map(({ lane }) => lane)).size;
    const records = recordsIn(undone);
    return { id, at: formatInstant(at), since: formatInstant(receivedAt), lanes, records };
  });
}

export function formatForks(forks: readonly InfoFork[]): string[] {
  if (forks.length === 0) return [];
  return [
    'undone by promotions as of a moment (a restore to a time in between has what was there then, one to a later time does without):',
    ...forks.map(
      ({ id, at, since, lanes, records }) =>
        `  what was received after ${at}, as said at ${since}: records ${records} of lanes ${lanes} (fork ${id})`,
    ),
  ];
}
