import type { Catalog } from '../holdings/catalog.ts';
import { LaneSegments } from './local-segments.ts';
import { isGone, type LaneTail, type LogTail } from './log-tail.ts';
import type { LocalSegment, LocalSegments } from '../search/searched-segments.ts';
import { walkTail } from './tail-walk.ts';
import { type MadeTail, makeTopicSegments, type TailSegmentOptions } from './topic-tail-builder.ts';
import { type Tails, withAdditions, withRest } from './with-tail.ts';

export type TailBuilderOptions = Omit<TailSegmentOptions, 'local'> & Partial<Tails>;

export interface BuiltTail {
  /** With the segments of `local` among its objects. */
  readonly catalog: Catalog;
  readonly local: LocalSegments;
  /** Something went meanwhile, as what was archived: look again. */
  readonly isMoved: boolean;
}

/** Makes segments of what only the log has, or the topic, as the archiver would. */
export async function buildTail(options: TailBuilderOptions): Promise<BuiltTail> {
  const { tail, topic, now } = options;
  const local = new Map<string, LocalSegment>();
  let { catalog } = options;
  let isMoved = false;
  const take = (made: MadeTail): void => {
    catalog = withAdditions(catalog, made.additions);
    isMoved ||= made.isMoved;
  };
  if (tail !== undefined) take(await makeLogSegments({ ...options, catalog, local }, tail));
  if (topic !== undefined) take(await makeTopicSegments({ ...options, catalog, local }, topic));
  return { catalog: withRest(catalog, tail, now), local, isMoved };
}

async function makeLogSegments(options: TailSegmentOptions, tail: LogTail): Promise<MadeTail> {
  const additions: MadeTail['additions'][number][] = [];
  let isMoved = false;
  for (const lane of tail.lanes) {
    const made = await makeLane(options, tail, lane);
    additions.push(...made.additions);
    isMoved ||= made.isMoved;
  }
  return { additions, isMoved };
}

async function makeLane(
  options: TailSegmentOptions,
  { log }: LogTail,
  lane: LaneTail,
): Promise<MadeTail> {
  const segments = new LaneSegments(options, lane);
  let isMoved = false;
  try {
    // A lane of which the repository has everything is not looked into.
    if (lane.runs.length > 0) {
      for await (const read of walkTail(log, segments.archive)) {
        if (read.kind === 'hole') {
          await segments.pass(read.hole);
          isMoved ||= await isGone(log.segments, read.hole);
        } else options.onRead(await segments.take(read.frame, read));
      }
      await segments.finish();
    }
  } finally {
    await segments.discard();
  }
  return { additions: [segments.addition], isMoved };
}
