import type { ObjectFault } from '../holdings/catalog.ts';
import { type CoverageHole, formatSequences } from '../holdings/coverage.ts';
import type { Leaving } from '../write/leaving.ts';
import { formatLost, type LostRecords } from '../holdings/lost-records.ts';

/** What is wrong, or strange, with a repository; docs/JSON.md has it as a contract. */
export interface Finding {
  readonly severity: Severity;
  readonly kind: FindingKind;
  /** The name of an object, or the folder of a lane. */
  readonly object: string;
  readonly reason: string;
  /** What it means for restores. */
  readonly effect: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** `note`: restores and completeness are as if it weren't there. */
export type Severity = 'damage' | 'hole' | 'note';

type FindingKind =
  /** Its bytes are not what was written. */
  | 'damaged'
  /** Something that is there needs it. */
  | 'missing'
  /** Its bytes are what was written, and that was wrong. */
  | 'wrong'
  /** Two things, each whole, that can't both be right. */
  | 'contradiction'
  | 'hole'
  /** Data that no sidecar names. */
  | 'orphan'
  /** A temporary file. */
  | 'leftover'
  /** A name that no object has. */
  | 'stranger';

export const PUT_BACK = 'put it back from a copy of the repository';
/** Of records that no sidecar tells of. */
export const BROUGHT_ANEW =
  "what the proxy's log or the topic still has of the records is archived anew, and this is over then (docs/RECOVERY.md, D)";
/** The archiver of a log goes through all of it each minute or two, and makes what no sidecar tells of. */
const ARCHIVE_ANEW =
  "while the proxy's log or the topic still holds the records, move the sidecar (the .json of that name) away, too: they are archived anew, and until then " +
  'restores with --data or --kafka take them from there';

/** The finding for a segment that a restore can't use. `lost`: its records that no whole segment holds; undefined: others hold all of them. */
export function unusableSegment(
  problem: Pick<Finding, 'kind' | 'object' | 'reason'>,
  lost: LostRecords | undefined,
): Finding {
  return {
    severity: 'damage',
    ...problem,
    effect:
      lost === undefined
        ? 'none now: restores take other objects, which hold the same records'
        : `nothing else holds records ${formatLost(lost.runs)}: ${refusedFrom(lost.fromMs)}`,
    remedy:
      lost === undefined ? PUT_BACK : `${PUT_BACK}; or, ${ARCHIVE_ANEW} (docs/RECOVERY.md, D)`,
  };
}

/** The finding for an object whose every byte is what was written, and which says something wrong all the same: a restore takes it as it is. */
export function misleading(
  object: string,
  { kind, reason, fromMs }: { kind: 'wrong' | 'contradiction'; reason: string; fromMs: number },
): Finding {
  return {
    severity: 'damage',
    kind,
    object,
    reason,
    effect: `a restore does not notice it: states of ${showTime(fromMs)} or later may be wrong`,
    remedy: 'compare with a copy of the repository, and report it: no crash or disk makes that',
  };
}

export function hole(missing: CoverageHole): Finding {
  const { lane, fromMs, reason } = missing;
  return {
    severity: 'hole',
    kind: 'hole',
    object: `lanes/${lane}`,
    reason: `records ${formatSequences(missing)} are missing: ${reason}`,
    effect: refusedFrom(fromMs),
    remedy: `${BROUGHT_ANEW}; else put back the objects that held them, if a copy of the repository has these`,
  };
}

/** Of a lane's begin or hole marker. */
export function laneNote({ kind, object, reason }: ObjectFault): Finding {
  if (kind === 'stranger') return strangerNote(object);
  const effect = object.endsWith('/begin.json')
    ? 'how its lane began, and where the one before it ended, is not known: restores reach no further than what is complete all the same'
    : 'none but that the reason of a hole is not known';
  return { severity: 'damage', kind, object, reason, effect, remedy: PUT_BACK };
}

export function indexNote({ kind, object, reason }: ObjectFault): Finding {
  if (kind === 'stranger') return strangerNote(object);
  const effect = 'none: what the month holds is told from its listing';
  const remedy = `${PUT_BACK}, or remove it`;
  return { severity: 'damage', kind, object, reason, effect, remedy };
}

/** An index that sums up its month otherwise than what is there. */
export function wrongIndex(object: string, reason: string): Finding {
  return {
    severity: 'damage',
    kind: 'contradiction',
    object,
    reason,
    effect: 'none: `info` shows these sums, unless by --no-index',
    remedy: 'remove it, and report it: no crash or disk makes that',
  };
}

/** Data that no sidecar names, of records that nothing else holds and later ones follow. */
export function lostSidecar(name: string, data: string, { runs, fromMs }: LostRecords): Finding {
  return {
    severity: 'damage',
    kind: 'missing',
    object: name,
    reason: `it is gone, and nothing else holds records ${formatLost(runs)}; there is a file of its data (${data}), of which only it tells whether that is whole`,
    effect: refusedFrom(fromMs),
    remedy: `if it was moved away since its data are damaged, leave it away: ${BROUGHT_ANEW}; else ${PUT_BACK}`,
  };
}

export function orphan(object: string, leaving: Leaving): Finding {
  return {
    severity: 'note',
    kind: 'orphan',
    object,
    reason: `no sidecar names it${showLeaving(leaving)}`,
    effect: NO_EFFECT,
    remedy: remedyFor(leaving),
  };
}

export function leftover(object: string, leaving: Leaving): Finding {
  return {
    severity: 'note',
    kind: 'leftover',
    object,
    reason: `a temporary file${showLeaving(leaving)}`,
    effect: NO_EFFECT,
    remedy: remedyFor(leaving),
  };
}

export function strangerNote(object: string): Finding {
  return {
    severity: 'note',
    kind: 'stranger',
    object,
    reason: 'no object of a repository has such a name',
    effect: NO_EFFECT,
    remedy: 'move it away',
  };
}

function refusedFrom(ms: number): string {
  return `restores to ${showTime(ms)} or later are refused, or do without them (--allow-holes)`;
}

function showTime(ms: number): string {
  return new Date(ms).toISOString();
}

const NO_EFFECT = 'none';
/** What is younger may belong to a commit that is under way. */
const FRESH_MS = 3_600_000;

function remedyFor({ ageMs }: Leaving): string {
  return ageMs < FRESH_MS
    ? 'nothing: it may be of a commit that is under way'
    : 'nothing, or remove it: a crash or a lost race left it';
}

function showLeaving({ bytes, ageMs }: Leaving): string {
  return ` (bytes ${bytes}, ${Math.round(ageMs / 60_000)} min old)`;
}
