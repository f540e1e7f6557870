import type { Barred } from '../follow/probe.ts';
import type { OtherLanes } from '../kafka/other-lanes.ts';
import type { Wal } from '../wal/log.ts';

const LISTEN_MS_MAX = 4_000;

/**
 * What a proxy doesn't feed: itself, be it by way of others, and a proxy that brings what it takes to the same topic, where this one finds
 * it as the later write of another. One that logs elsewhere is an OpenTSDB like any. While Kafka is away it isn't known who writes there.
 */
export function ownLoop(
  wal: Pick<Wal, 'segments'>,
  others: Pick<OtherLanes, 'listen'> | undefined,
): Barred {
  return async (through) => {
    if (through.length === 0) return undefined;
    if (through.some((lane) => wal.segments.some((segment) => segment.lane === lane))) return SELF;
    const heard = others === undefined ? NOBODY : await lanesHeard(others);
    const shared = through.find((lane) => heard.has(lane));
    return shared === undefined
      ? undefined
      : `it answers through a proxy that writes to the same topic (lane ${shared}): name the OpenTSDB behind that as the primary`;
  };
}

const SELF =
  'it answers through this proxy, so what it is given would come back here: name the OpenTSDB itself as the primary';
const NOBODY: ReadonlySet<string> = new Set();

/** Every proxy says something each second. */
async function lanesHeard(others: Pick<OtherLanes, 'listen'>): Promise<ReadonlySet<string>> {
  const lanes = new Set<string>();
  try {
    await others.listen(({ lane }) => lanes.add(lane), AbortSignal.timeout(LISTEN_MS_MAX));
  } catch {
    // That Kafka is away is told by those who need it for more.
  }
  return lanes;
}
