import { type LaneSpans, type SpanConflict, uniteSpans } from './lane-spans.ts';
import type { Span } from '../format/object-names.ts';
import type { Begin, HoleMarker, Retirement } from '../format/sidecar.ts';

/** What a repository holds of each lane, as its listing says. */
export interface Holdings {
  readonly lanes: ReadonlyMap<string, LaneHoldings>;
}

export interface LaneHoldings {
  /** Undefined when it is gone or damaged: the lane is then taken to begin with sequence 1, and after none. */
  readonly begin: Begin | undefined;
  /** What its sidecars cover, all levels, in any order; overlaps are fine. */
  readonly objects: readonly Span[];
  readonly holes: readonly HoleMarker[];
  /** Absent: none. */
  readonly retirements?: readonly Retirement[];
  /** What is there and can't be used: it covers nothing, but tells how far the lane goes. Absent: none. */
  readonly damaged?: readonly DamagedSpan[];
}

export interface DamagedSpan extends Span {
  readonly reason: string;
}

/** Times are epoch ms. A lane that is covered up to an object's `toMs` is complete for times before it. */
export interface Coverage {
  /** In the order in which they were opened. */
  readonly lanes: readonly LaneCoverage[];
  /** All of them, in the order in which they begin. */
  readonly holes: readonly CoverageHole[];
  /** Objects that can't both be right. */
  readonly conflicts: readonly (SpanConflict & { readonly lane: string })[];
  /** When the history that the repository holds begins; undefined when it holds none. */
  readonly startMs: number | undefined;
  /** The end of knowledge: everything received up to then is there or known to be missing. */
  readonly safeTimeMs: number | undefined;
  /** Times, both ends included, whose state can be restored without a hole. */
  readonly restorable: readonly TimeRange[];
}

interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface LaneCoverage {
  readonly lane: string;
  readonly ordinal: number;
  readonly openedAt: number;
  /** In order, apart from each other. */
  readonly covered: readonly Span[];
  /** Complete for times before that, but for its holes; `ended`: for all time, since a later lane closed it, or an operator. */
  readonly coveredToMs: number | 'ended';
  /** Records that are there, damaged or not, though the lane after this one says that it ended before them. */
  readonly beyond: { readonly firstSeq: number; readonly lastSeq: number } | undefined;
  /** Receive times in doubt, since the clock leapt when the lane was opened. */
  readonly disputed: { readonly from: number; readonly to: number } | undefined;
}

export interface CoverageHole {
  readonly lane: string;
  readonly firstSeq: number;
  /** Null after a lane that an operator ended: how much came there nobody knows. */
  readonly lastSeq: number | null;
  /** The state of every time before it can do without these records. */
  readonly fromMs: number;
  /** Receive time of what is after it; undefined when that isn't known. */
  readonly toMs: number | undefined;
  readonly reason: string;
}

/**
 * What the repository holds without a gap, and what that allows: the one place where this is decided. A lane's
 * end is known from the lane that names it as `previous`; until then more of it may be to come, and it is
 * complete up to its last object only. Records of an ended lane that are missing are a hole once anything of a
 * later lane is there, or a marker says so; before that the archive is merely behind. Lanes of a topic are archived each
 * at its own pace: of these a marker says it. Objects that are damaged make holes, and change nothing else: how far a lane goes,
 * and that its turn came, they tell all the same.
 */
export function computeCoverage({ lanes }: Holdings): Coverage {
  const ends = endsOf(lanes);
  const all = [...lanes].map(([lane, holdings]) => coverLane(lane, holdings, ends.get(lane)));
  const known = all.map(({ coverage }) => coverage);
  const holes = [...all.flatMap((one) => one.holes), ...unknownLanes(lanes, ends, known)].toSorted(
    (a, b) => a.fromMs - b.fromMs || (a.lane < b.lane ? -1 : 1) || a.firstSeq - b.firstSeq,
  );
  const startMs = startOf(lanes, known);
  const openEnds = known.flatMap(({ coveredToMs }) =>
    coveredToMs === 'ended' ? [] : [coveredToMs],
  );
  const safeTimeMs = openEnds.length === 0 ? undefined : least(openEnds) - 1;
  return {
    lanes: known.toSorted((a, b) => a.openedAt - b.openedAt || a.ordinal - b.ordinal),
    holes,
    conflicts: all.flatMap((one) => one.conflicts),
    startMs,
    safeTimeMs,
    restorable: restorableOf(startMs, safeTimeMs, holes[0]),
  };
}

interface LaneEnd {
  readonly lastSeq: number;
  /** Something of a later lane is there, so this lane's turn is over. */
  readonly isPassed: boolean;
}

/** Of each lane that another names as `previous`; of several, what they say together. */
function endsOf(lanes: Holdings['lanes']): Map<string, LaneEnd> {
  const passed = new Set<string>();
  for (const { begin, objects, damaged = [] } of lanes.values()) {
    if (objects.length + damaged.length === 0) continue;
    // Up the chain until it was walked before.
    let before = laneBefore(begin);
    while (before !== undefined && !passed.has(before)) {
      passed.add(before);
      before = laneBefore(lanes.get(before)?.begin);
    }
  }
  const ends = new Map<string, LaneEnd>();
  for (const { begin } of lanes.values()) {
    if (begin === undefined || begin.previous === null) continue;
    const { lane, lastSeq } = begin.previous;
    const other = ends.get(lane)?.lastSeq ?? 0;
    ends.set(lane, { lastSeq: Math.max(lastSeq, other), isPassed: passed.has(lane) });
  }
  return ends;
}

/**
 * The one whose turn is over once something of this one is archived. A lane that its proxy's own archiver registered has no topic, also when
 * the proxy has Kafka, and members that archive the topic to the same repository may then commit something of it before either has the rest of
 * the lane before: a hole is told for that while, which a standby of the repository passes for good. For that, the log's archiver must be
 * behind by more than a segment, and the partition of the lane before by more than that of this one. A begin with the topic would mend it,
 * and be worse where nobody archives the topic: what the log itself has lost at a lane's end would wait for a marker that nobody writes,
 * and hold the safe time back for ever.
 */
function laneBefore(begin: Begin | undefined): string | undefined {
  return begin?.topic === undefined ? begin?.previous?.lane : undefined;
}

interface CoveredLane {
  readonly coverage: LaneCoverage;
  readonly holes: readonly CoverageHole[];
  readonly conflicts: Coverage['conflicts'];
}

function coverLane(lane: string, holdings: LaneHoldings, end: LaneEnd | undefined): CoveredLane {
  const { begin, objects, holes: markers, retirements = [], damaged = [] } = holdings;
  const { covered, conflicts } = uniteSpans(objects);
  const firstSeq = begin?.firstSeq ?? 1;
  const there = damaged.length === 0 ? covered : uniteSpans([...objects, ...damaged]).covered;
  const openedAt = begin?.openedAt ?? there[0]?.fromMs ?? 0;
  const last = there.at(-1);
  const lastSeq = Math.max(last?.lastSeq ?? 0, firstSeq - 1);
  const toMs = last?.toMs ?? openedAt;
  const marked = markers.reduce((max, marker) => Math.max(max, marker.lastSeq), 0);
  const knownSeq = Math.max(lastSeq, marked, end?.isPassed === true ? end.lastSeq : 0);
  const gaps = gapsOf(covered, { firstSeq, lastSeq: knownSeq, openedAt });
  const isClosed = end !== undefined && knownSeq >= end.lastSeq;
  const retirement = isClosed ? undefined : retirements.find((one) => one.lastSeq === knownSeq);
  return {
    coverage: {
      lane,
      ordinal: begin?.ordinal ?? 0,
      openedAt,
      covered,
      coveredToMs: isClosed || retirement !== undefined ? 'ended' : toMs,
      beyond:
        end && lastSeq > Math.max(end.lastSeq, firstSeq - 1)
          ? { firstSeq: Math.max(end.lastSeq + 1, firstSeq), lastSeq }
          : undefined,
      disputed: begin?.disputed ?? undefined,
    },
    holes: [
      ...gaps.map((gap) => explain(lane, gap, { markers, damaged })),
      ...holeAfter(retirement, end, toMs),
    ],
    conflicts: conflicts.map((conflict) => Object.assign({ lane }, conflict)),
  };
}

/** What a lane that an operator ended may have received after its last record; where a later lane names its end, up to that. */
function holeAfter(
  retirement: Retirement | undefined,
  end: LaneEnd | undefined,
  fromMs: number,
): CoverageHole[] {
  if (retirement === undefined || (retirement.isClosed && end === undefined)) return [];
  const { lane, lastSeq, reason } = retirement;
  const to = end?.lastSeq ?? null;
  return [{ lane, firstSeq: lastSeq + 1, lastSeq: to, fromMs, toMs: undefined, reason }];
}

/** A hole as people read it: `LANE/17`, `LANE/17 to 20`, or `LANE/17 and all after it`. */
export function formatRecords(hole: Pick<CoverageHole, 'lane' | 'firstSeq' | 'lastSeq'>): string {
  return `${hole.lane}/${formatSequences(hole)}`;
}

export function formatSequences({
  firstSeq,
  lastSeq,
}: Pick<CoverageHole, 'firstSeq' | 'lastSeq'>): string {
  return lastSeq === null ? `${firstSeq} and all after it` : `${firstSeq} to ${lastSeq}`;
}

interface Gap extends Pick<CoverageHole, 'firstSeq' | 'fromMs' | 'toMs'> {
  readonly lastSeq: number;
}

/** What no span has, from `firstSeq` to `lastSeq`. */
function gapsOf(
  covered: LaneSpans['covered'],
  lane: { readonly firstSeq: number; readonly lastSeq: number; readonly openedAt: number },
): Gap[] {
  const gaps: Gap[] = [];
  let nextSeq = lane.firstSeq;
  let fromMs = lane.openedAt;
  for (const span of covered) {
    if (span.firstSeq > nextSeq) {
      // An object's `fromMs` may be that of what is before the hole.
      const toMs = span.fromMs > fromMs ? span.fromMs : span.toMs;
      gaps.push({ firstSeq: nextSeq, lastSeq: span.firstSeq - 1, fromMs, toMs });
    }
    nextSeq = Math.max(nextSeq, span.lastSeq + 1);
    fromMs = span.toMs;
  }
  if (nextSeq <= lane.lastSeq) {
    gaps.push({ firstSeq: nextSeq, lastSeq: lane.lastSeq, fromMs, toMs: undefined });
  }
  return gaps;
}

function explain(
  lane: string,
  gap: Gap,
  told: { readonly markers: readonly HoleMarker[]; readonly damaged: readonly DamagedSpan[] },
): CoverageHole {
  const isTouching = ({ firstSeq, lastSeq }: Pick<Span, 'firstSeq' | 'lastSeq'>): boolean =>
    firstSeq <= gap.lastSeq && lastSeq >= gap.firstSeq;
  const touching = told.markers.filter(isTouching);
  const spoilt = told.damaged.filter(isTouching);
  const reasons = [...new Set([...spoilt.slice(0, 1), ...touching].map(({ reason }) => reason))];
  const last = [...spoilt, ...touching].find(
    ({ lastSeq, toMs }) => lastSeq >= gap.lastSeq && toMs !== null,
  );
  return {
    ...gap,
    lane,
    toMs: gap.toMs ?? last?.toMs ?? undefined,
    reason: reasons.length === 0 ? NOT_THERE : reasons.join('; '),
  };
}

const NOT_THERE = 'no object of the repository holds these records';

/** Lanes that others name as `previous` and that aren't in the repository: all of them is missing. */
function unknownLanes(
  lanes: Holdings['lanes'],
  ends: ReadonlyMap<string, LaneEnd>,
  known: readonly LaneCoverage[],
): CoverageHole[] {
  const holes: CoverageHole[] = [];
  for (const [lane, { lastSeq }] of ends) {
    if (lanes.has(lane) || lastSeq === 0) continue;
    const next = [...lanes.values()].flatMap(({ begin }) =>
      begin?.previous?.lane === lane ? [begin] : [],
    );
    const ordinal = least(next.map((begin) => begin.ordinal));
    const hosts = new Set(next.map(({ host }) => host));
    // It followed one of the lanes of its host with a lower number. Which one isn't known: of a directory that was copied, two do.
    const before = known
      .filter(
        (other) => other.ordinal < ordinal && hosts.has(lanes.get(other.lane)?.begin?.host ?? ''),
      )
      .map(({ covered, openedAt }) => covered.at(-1)?.toMs ?? openedAt);
    const fromMs = before.length === 0 ? 0 : least(before);
    const toMs = least(next.map(({ openedAt }) => openedAt));
    const reason = 'the repository has nothing of this lane, though a later one follows it';
    holes.push({ lane, firstSeq: 1, lastSeq, fromMs, toMs, reason });
  }
  return holes;
}

function startOf(lanes: Holdings['lanes'], known: readonly LaneCoverage[]): number | undefined {
  const first = known.filter(({ lane }) => (lanes.get(lane)?.begin?.previous ?? null) === null);
  const candidates = first.length === 0 ? known : first;
  return candidates.length === 0 ? undefined : least(candidates.map(({ openedAt }) => openedAt));
}

/** A restore starts from nothing, so it can't pass the first hole. */
function restorableOf(
  startMs: number | undefined,
  safeTimeMs: number | undefined,
  firstHole: CoverageHole | undefined,
): TimeRange[] {
  if (startMs === undefined || safeTimeMs === undefined) return [];
  const toMs = Math.min(safeTimeMs, (firstHole?.fromMs ?? Infinity) - 1);
  return toMs < startMs ? [] : [{ fromMs: startMs, toMs }];
}

function least(values: readonly number[]): number {
  return values.reduce((min, value) => Math.min(min, value), Infinity);
}
