import { formatInstant } from '../../runtime/instant.ts';
import type { EarlierRun, TargetFinding, RestoreDemands, TargetFacts } from './target-rules.ts';
import type { UnfinishedRestore } from '../work-directory/unfinished.ts';

const EMPTY_TABLES =
  ': create new ones, name them in tsd.storage.hbase.data_table, .uid_table, .tree_table and .meta_table, and restart the TSD.';
/** Of a list of names. */
export const NAMES_SHOWN = 5;

/** Faults for what a target holds already. */
export function judgeContent(facts: TargetFacts, demands: RestoreDemands): TargetFinding[] {
  const { earlier, others, feeder, work } = demands;
  const running = others.find(({ isRunning }) => isRunning);
  if (running !== undefined) {
    const says = `${another(running)} writes to it now`;
    return [{ kind: 'fault', says, remedy: 'Wait for it, or end it.' }];
  }
  const { heldMetrics, otherMetrics } = facts;
  const held = [...heldMetrics, ...otherMetrics];
  if (held.length === 0 || earlier === 'this state') return [];
  const [other] = others;
  const metrics = listNames(held, otherMetrics.length > 0 ? 'others' : undefined);
  if (feeder !== undefined && earlier === 'none' && other === undefined) {
    const says = `it is the primary that the log of ${feeder} feeds, and it holds data already, of ${metrics}`;
    const remedy = `Name another OpenTSDB, with empty tables. Where the new one has to have this address, the proxy is held first: docs/RECOVERY.md, "At the same address".`;
    return [{ kind: 'fault', says, remedy }];
  }
  const says = `it holds data already, of ${metrics}${whyHeld(facts, earlier, other)}; a restore cannot take back what is there`;
  if (other !== undefined) {
    const remedy = `Go on with that one by its own command, with --to ${other.asOfMs}; or restore into empty tables${EMPTY_TABLES}`;
    return [{ kind: 'fault', says, remedy }];
  }
  const isMeant =
    heldMetrics.length === 0 && earlier === 'none'
      ? ' Where these metrics are meant to be there, `restore --allow-other-metrics` leaves them, and compares nothing of them.'
      : '';
  const unfinished =
    earlier === 'none'
      ? `If a restore that was interrupted wrote it, run the command of that one again, in its directory or with its --work: it goes on where it stood (${work}, where it was looked for, has none into this target). Otherwise restore`
      : 'Restore';
  return [
    { kind: 'fault', says, remedy: `${unfinished} into empty tables${EMPTY_TABLES}${isMeant}` },
  ];
}

function whyHeld(
  { heldMetrics }: TargetFacts,
  earlier: EarlierRun,
  other: UnfinishedRestore | undefined,
): string {
  if (earlier === 'another state') {
    return ': since an interrupted run of this restore wrote to it, what the log tells of that time has changed, and what that run wrote may be more than belongs there';
  }
  if (other !== undefined) return `: ${another(other)} wrote to it and is not complete`;
  return heldMetrics.length === 0 ? ', of which there was nothing at that moment' : '';
}

function another({ asOfMs, path }: UnfinishedRestore): string {
  return `another restore, to ${formatInstant(asOfMs)} (${path}),`;
}

/** `rest`: what the others are called, where they were not counted. */
export function listNames(
  names: readonly string[],
  rest = `${names.length - NAMES_SHOWN} more`,
): string {
  const shown = names.slice(0, NAMES_SHOWN).join(', ');
  return names.length > NAMES_SHOWN ? `${shown} and ${rest}` : shown;
}
