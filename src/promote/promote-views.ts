import { fieldsOf } from '../record/fields.ts';
import { type Fork, parseFork, type UndoneRange } from '../record/fork.ts';
import { type Contained, type LaneEnd, parseContained, parseLaneEnds } from '../record/lane-end.ts';
import { parseSince, parseTerm, type Term } from '../record/term.ts';

/** A proxy, as far as a promotion is concerned with it. */
export interface ProxyView {
  readonly address: string;
  readonly version: string;
  /** The origin of its primary. */
  readonly primary: string;
  /** Those of its workers: more than one where some were switched and others were not. */
  readonly primaries: readonly string[];
  readonly isHeld: boolean;
  /** It feeds none, since others were given one that it knows no place in. */
  readonly isFenced: boolean;
  /** Age of the oldest record that its primary may not store, 0 for none; undefined: it isn't told. */
  readonly unconfirmedSeconds: number | undefined;
  /** Whether answers wait for its primary. */
  readonly isLive: boolean;
  /** Whether it shares a topic with other proxies, maybe. */
  readonly hasTopic: boolean;
  /** How Kafka stands for it; undefined where that isn't told, as of workers, or there is none. */
  readonly kafka: string | undefined;
  /** Why it takes no writes; undefined: it does. */
  readonly refusal: string | undefined;
  /** While it is held, as they were then: a start since has opened others. */
  readonly lanes: readonly LaneEnd[];
  /** Those, and all others of its log. */
  readonly own: ReadonlySet<string>;
  /** Since when its primary is it, and what it knows that others were given since. */
  readonly terms: readonly Term[];
}

/** A standby, as far as a promotion is concerned with it. */
export interface StandbyView {
  readonly address: string;
  readonly version: string;
  readonly target: string;
  /** What it follows: a data directory, or a topic. */
  readonly source: string;
  readonly state: string;
  /** Why its target may have lost what it took, and since when; undefined: it isn't known to have. */
  readonly doubt: string | undefined;
  readonly promotion: string;
  /** When it had come to its end, epoch ms; undefined: it has not. */
  readonly promotedMs: number | undefined;
  readonly lagSeconds: number;
  readonly lagRecords: number;
  readonly delaySeconds: number;
  readonly stopAt: string | null;
  /** Nothing that was received later was ever sent to the target, epoch ms; Infinity where that isn't known. */
  readonly sentToMs: number;
  /** With which it is drained, or was. */
  readonly fork: Fork | undefined;
  /** The origin by which proxies were to be given the target by the run that had it drained; undefined: none said so. */
  readonly to: string | undefined;
  /** Ids of forks whose records the target has nothing of. */
  readonly forks: readonly string[];
  /** Everything received up to then is contained of lanes that are not among `lanes`, epoch ms; null: nothing. */
  readonly allUpToMs: number | null;
  /** By lane, when the last record of it that the target contains was received, epoch ms. */
  readonly lanes: ReadonlyMap<string, number>;
  /** Of these, and of those that were seen, the ones that are known to have ended. */
  readonly ended: ReadonlySet<string>;
  readonly seen: SeenView;
  readonly deadLetters: number;
  readonly holes: number;
}

/** Who writes to what a standby follows, whether it has applied anything of that or not. */
interface SeenView {
  /** As far as the end of what it follows; undefined: a standby of an earlier version says nothing of all this. */
  readonly isComplete: boolean | undefined;
  /** Those with records that the target may lack, and those of the last minutes. */
  readonly lanes: readonly SeenLaneView[];
}

interface SeenLaneView {
  readonly lane: string;
  /** Of its last record, epoch ms. */
  readonly receivedMs: number;
  /** Of its last write, epoch ms; -Infinity: none was seen. */
  readonly wroteMs: number;
  readonly isEnded: boolean;
}

/** How a drain stands. */
export interface DrainView {
  readonly state: string;
  /** When it came to its end, epoch ms; undefined: not yet. */
  readonly sinceMs: number | undefined;
  readonly contained: Contained;
  /** As it came: what a switch is given. */
  readonly containedJson: object;
  readonly lacking: readonly { readonly lane: string; readonly records: number }[];
  /** The target has answered for all of it: what is lacking is only not proven yet. */
  readonly isSent: boolean;
}

/** What answers at the address of the new primary, as one of those who ask sees it. */
export interface ProbeView {
  readonly address: string;
  /** Why it can't be the primary; undefined: it can. */
  readonly trouble: string | undefined;
  /** When the processes that answered were started; of one, or of what several workers reached. Empty: it isn't known. */
  readonly startedAt: readonly string[];
}

/** From what `/primary/probe` of a proxy, or `/target/probe` of a standby, answers. */
export function probeView(address: string, probe: unknown): ProbeView {
  const { trouble, startedAt } = fieldsOf(probe);
  return { address, trouble: textOf(trouble), startedAt: textsOf(startedAt) ?? [] };
}

/** From `/status`; undefined when that is of no proxy which can be promoted. */
export function proxyView(address: string, status: unknown): ProxyView | undefined {
  const { version, primary, log, kafka } = fieldsOf(status);
  const held = fieldsOf(primary);
  const lanes = parseLaneEnds(held['lanes']);
  if (lanes === undefined || typeof held['url'] !== 'string') return undefined;
  const { taking, refusal, lanes: logged } = fieldsOf(log);
  return {
    address,
    version: String(version),
    primary: held['url'],
    primaries: textsOf(held['urls']) ?? [held['url']],
    isHeld: held['heldSince'] !== null,
    isFenced: parseTerm(held['fencedBy']) !== undefined,
    unconfirmedSeconds: numberOf(held['unconfirmedSeconds']),
    isLive: fieldsOf(held['state'])['kind'] === 'live',
    hasTopic: kafka !== undefined,
    kafka: textOf(fieldsOf(fieldsOf(kafka)['state'])['kind']),
    refusal: taking === true ? undefined : String(refusal),
    lanes,
    own: new Set([...lanes.map(({ lane }) => lane), ...(textsOf(logged) ?? [])]),
    terms: [{ since: held['since'], primary: held['url'] }, held['fencedBy']].flatMap(
      (told) => parseTerm(told) ?? [],
    ),
  };
}

/** From `/status`; undefined when that is of no standby which can be promoted. */
export function standbyView(address: string, status: unknown): StandbyView | undefined {
  const fields = fieldsOf(status);
  const { url, state, doubt } = fieldsOf(fields['target']);
  const { state: promotion, since, fork, to } = fieldsOf(fields['promotion']);
  const { lanes, allUpTo } = fieldsOf(fields['contains']);
  if (typeof url !== 'string' || typeof promotion !== 'string' || !Array.isArray(lanes)) {
    return undefined;
  }
  const contained = (lanes as readonly unknown[]).map(fieldsOf);
  const received = contained.map(({ lane, receivedAt }) => {
    return [String(lane), Date.parse(String(receivedAt))] as const;
  });
  const seen = seenView(fields['seen']);
  const ended = [
    ...contained.filter((one) => one['ended'] === true).map(({ lane }) => String(lane)),
    ...seen.lanes.filter(({ isEnded }) => isEnded).map(({ lane }) => lane),
  ];
  const { stopAt, sentTo, holes } = fields;
  return {
    address,
    version: String(fields['version']),
    target: url,
    source: String(fieldsOf(fields['source'])['kind']),
    state: String(fieldsOf(state)['kind']),
    doubt: doubtOf(doubt),
    promotion,
    promotedMs: typeof since === 'string' ? Date.parse(since) : undefined,
    lagSeconds: Number(fields['lagSeconds']),
    lagRecords: Number(fields['lagRecords']),
    delaySeconds: Number(fields['delaySeconds']),
    stopAt: typeof stopAt === 'string' ? stopAt : null,
    sentToMs: typeof sentTo === 'string' ? Date.parse(sentTo) : Infinity,
    fork: parseFork(fork),
    to: textOf(to),
    forks: textsOf(fields['forks']) ?? [],
    allUpToMs: typeof allUpTo === 'string' ? Date.parse(allUpTo) : null,
    lanes: new Map(received),
    ended: new Set(ended),
    seen,
    deadLetters: Number(fields['deadLetters']),
    holes: Array.isArray(holes) ? holes.length : 0,
  };
}

/**
 * Whether it is known who writes to what a standby follows, or that was known when a run before this one had it drained: as of a moment it
 * is asked for again. One that can't tell is promoted without, but not as of a moment; one that follows a repository in no case.
 */
export function isLookedAt(
  { seen, promotion, source }: StandbyView,
  asOf: object | undefined,
): boolean {
  const isPast = promotion === 'promoted' || (promotion === 'draining' && asOf === undefined);
  return (seen.isComplete ?? asOf === undefined) || isPast || source === 'repository';
}

function seenView(seen: unknown): SeenView {
  const { complete, lanes } = fieldsOf(seen);
  const told = Array.isArray(lanes) ? (lanes as readonly unknown[]) : [];
  return {
    isComplete: seen === undefined ? undefined : complete === true,
    lanes: told.map((one) => {
      const { lane, receivedAt, wroteAt, ended } = fieldsOf(one);
      return {
        lane: String(lane),
        receivedMs: Date.parse(String(receivedAt)),
        wroteMs: typeof wroteAt === 'string' ? Date.parse(wroteAt) : -Infinity,
        isEnded: ended === true,
      };
    }),
  };
}

/** From what `/drain` answers; undefined when it is something else. */
export function drainView(answer: unknown): DrainView | undefined {
  const { state, since, contained: containedJson, lacking, sent } = fieldsOf(answer);
  const contained = parseContained(containedJson);
  if (typeof state !== 'string' || contained === undefined || !Array.isArray(lacking)) {
    return undefined;
  }
  // Without it a switch could not be told from an earlier one.
  if (state === 'promoted' && parseSince(since) === undefined) return undefined;
  return {
    state,
    sinceMs: parseSince(since),
    contained,
    containedJson: fieldsOf(containedJson),
    lacking: (lacking as readonly unknown[]).map((one) => {
      const { lane, seq, contained: has } = fieldsOf(one);
      return { lane: String(lane), records: Number(seq) - Number(has) };
    }),
    isSent: sent === true,
  };
}

/** From what `/primary/ends` answers; undefined when it is something else. */
export function endsView(answer: unknown):
  | {
      readonly lanes: readonly LaneEnd[];
      readonly later: readonly UndoneRange[];
      readonly around: readonly Fork[];
    }
  | undefined {
  const { lanes: told, later, around } = fieldsOf(answer);
  const forks = Array.isArray(around) ? around.flatMap((one) => parseFork(one) ?? []) : [];
  const lanes = parseLaneEnds(told);
  const ranges = parseFork({ id: '0'.repeat(16), at: 0, undone: later })?.undone;
  if (lanes === undefined || ranges === undefined) return undefined;
  return { lanes, later: ranges, around: forks };
}

function doubtOf(doubt: unknown): string | undefined {
  const { since, reason } = fieldsOf(doubt);
  return typeof reason === 'string' ? `${reason}, since ${String(since)}` : undefined;
}

function textsOf(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return (value as readonly unknown[]).map(String);
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
