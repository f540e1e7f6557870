import { type Catalog, isDamage, type ObjectFault, readCatalog } from '../archive/catalog.ts';
import { computeCoverage, type CoverageHole } from '../archive/coverage.ts';
import type { LocalSegments } from '../archive/searched-segments.ts';
import { openRepository, type Repository } from '../archive/repository.ts';
import { checkTarget, type TargetCheck } from '../archive/target.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { RestoreRequest } from './restore-request.ts';

/** A time that can be restored, and what it can be restored from. */
export interface FoundState {
  readonly repository: Repository;
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  readonly targetMs: number;
}

const HOLES_SHOWN = 3;

/** Lists the repository. Throws TIME_UNREACHABLE or HOLE_IN_THE_WAY, each with the nearest times that can be had. */
export async function findState(
  request: Pick<RestoreRequest, 'repository' | 'to' | 'allowHoles'>,
): Promise<FoundState> {
  const repository = await openRepository(request.repository);
  const catalog = await readCatalog(repository.store);
  const local: LocalSegments = new Map();
  const coverage = computeCoverage(catalog);
  const { allowHoles, to } = request;
  const safe = allowHoles ? coverage.safeTimeMs : coverage.restorable.at(-1)?.toMs;
  const targetMs = to.kind === 'at' ? to.ms : (safe ?? Number.NaN);
  const check = checkTarget(coverage, targetMs, { allowHoles });
  if (check.kind !== 'reachable') throw refusal(check, targetMs, catalog.faults.filter(isDamage));
  return { repository, catalog, local, targetMs };
}

function refusal(
  check: Exclude<TargetCheck, { kind: 'reachable' }>,
  targetMs: number,
  faults: readonly ObjectFault[],
): WalError {
  const maybe = suspicion(faults);
  const at = Number.isNaN(targetMs) ? 'any time' : formatInstant(targetMs);
  const { nearestBefore } = check;
  if (check.kind === 'hole') {
    const { holes } = check;
    const shown = holes.slice(0, HOLES_SHOWN).map(showHole).join('; ');
    const more = holes.length > HOLES_SHOWN ? `; and ${holes.length - HOLES_SHOWN} more` : '';
    return new WalError('HOLE_IN_THE_WAY', `the state at ${at} lacks records: ${shown}${more}`, {
      context: { holes, nearestBefore, damaged: faults },
      hint:
        nearestBefore === undefined
          ? `No time can be had without it. --allow-holes restores without these records.${maybe}`
          : `The nearest time without a hole is ${formatInstant(nearestBefore)} (--to ${nearestBefore}). --allow-holes restores without these records.${maybe}`,
    });
  }
  const { nearestAfter, why } = check;
  const times = [nearestBefore, nearestAfter].flatMap((ms) =>
    ms === undefined ? [] : [`${formatInstant(ms)} (--to ${ms})`],
  );
  const nearest = times.length === 0 ? '' : `The nearest that can be had: ${times.join(', ')}. `;
  return new WalError('TIME_UNREACHABLE', `the state at ${at} cannot be had: ${why}`, {
    context: { nearestBefore, nearestAfter, damaged: faults },
    hint: `${nearest}\`tsdb-wal info\` shows what the repository holds; --data DIR adds the log that is not archived yet.${maybe}`,
  });
}

/** What is wrong with the listing can be why less is known than there is. */
function suspicion(faults: readonly ObjectFault[]): string {
  const [first] = faults;
  if (first === undefined) return '';
  const more = faults.length > 1 ? `, and ${faults.length - 1} more like it` : '';
  return ` That may be for this: ${first.object}: ${first.reason}${more}. \`tsdb-wal verify\` names all that is damaged.`;
}

function showHole({ lane, firstSeq, lastSeq, fromMs, reason }: CoverageHole): string {
  return `${lane}/${firstSeq} to ${lastSeq}, received from ${formatInstant(fromMs)} on (${reason})`;
}
