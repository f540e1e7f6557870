import { open, rm } from 'node:fs/promises';
import type { Hole } from '../record/control.ts';
import { type Claim, type FollowerPlace, furthestClaims, lostTail, tailHole } from './claim.ts';
import type { DurableMark } from './durable-mark.ts';
import { joinFiles, listFiles, readMark, type Scan, scanToEnd, type Segment } from './log-files.ts';
import { SEGMENT_HEADER_BYTES, type SegmentLink } from './segment-file.ts';
import { toldHoles } from './told-holes.ts';

/** What a start finds in the directory of the log. */
export interface RecoveredLog {
  /** In log order. */
  readonly segments: readonly Segment[];
  /** What is missing or unreadable, as far as headers, the newest file and those who know tell. */
  readonly holes: readonly Hole[];
  /** What earlier starts found to be gone, as long as the log has their word for it. */
  readonly toldBefore: readonly Hole[];
  /** Up to where the log went, also when its end is gone: the link for the next file to name. */
  readonly end: (SegmentLink & { readonly ordinal: number; readonly closed: boolean }) | undefined;
  /** Bytes of a last, unfinished write that were cut off. */
  readonly tornBytes: number;
  /** Receive time of the last record that is here, epoch ms. */
  readonly lastReceivedAt: number | undefined;
  /** What the writing process published last. */
  readonly mark: DurableMark | undefined;
  /** See ListedFiles. */
  readonly strangers: readonly string[];
}

export interface RecoverOptions {
  /** Whether to cut the torn tail and remove files that were never begun; else nothing is written. */
  readonly repair: boolean;
  /** They have already been given what is up to their places: the log must have reached these. */
  readonly followers?: readonly FollowerPlace[];
  /** Lanes of this log of which others know. */
  readonly lanes?: readonly LaneName[];
  /** Where it was last closed in order: nothing of that lane came after it. */
  readonly closed?: DurableMark;
}

interface LaneName {
  readonly lane: string;
  readonly ordinal: number;
}

/**
 * Lists the log and settles its end. Older files are judged by their headers, which name their
 * predecessors; damage inside them shows when they are read. The newest is read whole, and its torn tail
 * cut off. What the durable mark or others tell of a later end than the one found is a hole, and part of
 * the link that the next file names: so every later start and reader finds it again.
 */
export async function recoverLog(
  directory: string,
  options: RecoverOptions,
): Promise<RecoveredLog> {
  // Before the files: while another process writes the log, its end moves on.
  const mark = await readMark(directory);
  const { files, strangers } = await listFiles(directory, { repair: options.repair });
  let tail: Scan | undefined;
  const { segments, holes, unused } = await joinFiles(files, async (file, isNewest) => {
    const scan = await scanToEnd(file);
    if (isNewest) tail = scan;
    return scan;
  });
  if (options.repair) for (const { path } of unused) await rm(path, { force: true });
  const newest = segments.at(-1);
  const { followers = [], closed } = options;
  const claims = [...claimsOf(options), ...markClaim(closed), ...markClaim(mark)];
  let beyond: Claim | undefined;
  for (const claim of furthestClaims(claims)) {
    const lost = lostTail(claim, newest);
    if (lost === undefined) continue;
    const hole = tailHole(claim, lost, { followers, isLogEmpty: newest === undefined });
    if (hole !== undefined) holes.push(hole);
    beyond = { ...claim, seq: lost.to };
  }
  const toldBefore = await toldHoles(segments);
  const end = settleEnd(segments, beyond, tail);
  if (options.repair && tail !== undefined) await settleTail(segments, tail, beyond !== undefined);
  const { tornBytes = 0, lastReceivedAt } = tail ?? {};
  return { segments, holes, toldBefore, end, tornBytes, lastReceivedAt, mark, strangers };
}

function markClaim(mark: DurableMark | undefined): Claim[] {
  if (mark === undefined) return [];
  const { lane, ordinal, segmentFirstSeq: firstSeq, seq } = mark;
  return [{ lane, ordinal, firstSeq, seq, kind: 'end' }];
}

function claimsOf({ followers = [], lanes = [] }: RecoverOptions): Claim[] {
  const positions = followers.flatMap(({ position }) => position ?? []);
  return [...lanes.map((one) => ({ ...one, seq: 0 })), ...positions].map(
    ({ lane, ordinal, seq }) => ({ lane, ordinal, firstSeq: 1, seq, kind: 'least' }),
  );
}

/** Where the log ends. With a claim beyond it the last file counts as having held what is lost. */
function settleEnd(
  segments: Segment[],
  claim: Claim | undefined,
  tail: Scan | undefined,
): RecoveredLog['end'] {
  const last = segments.at(-1);
  const closed = tail?.closed ?? false;
  if (claim === undefined) {
    if (last === undefined) return undefined;
    const { lane, ordinal, firstSeq, lastSeq } = last;
    return { lane, ordinal, firstSeq, lastSeq, closed };
  }
  const { lane, ordinal, seq } = claim;
  const isInLast = last?.lane === lane && claim.firstSeq <= last.firstSeq;
  if (isInLast) segments[segments.length - 1] = { ...last, lastSeq: seq };
  const firstSeq = isInLast ? last.firstSeq : claim.firstSeq;
  return { lane, ordinal, firstSeq, lastSeq: seq, closed: false };
}

/**
 * Cuts what stands after the last intact frame, and makes sure that what was read is on the disk: it may
 * so far be in memory only, written by a process that was killed. Bytes that were durable once are kept.
 */
async function settleTail(segments: Segment[], tail: Scan, isDamaged: boolean): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined) return;
  const file = await open(last.path, 'r+');
  const keptBytes = Math.max(SEGMENT_HEADER_BYTES, tail.endOffset);
  try {
    if (!isDamaged && keptBytes < last.bytes) {
      await file.truncate(keptBytes);
      segments[segments.length - 1] = { ...last, bytes: keptBytes };
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
