import { listLanes, readLaneNotes } from '../holdings/catalog.ts';
import { computeCoverage } from '../holdings/coverage.ts';
import { openLanes, SILENT_MS_MIN } from '../holdings/open-lanes.ts';
import type { Repository } from '../repository.ts';
import { readSummary } from '../holdings/summary.ts';
import { formatInstant } from '../../runtime/instant.ts';

interface NewHereOptions {
  readonly repository: Repository;
  /** The data directory, and the lanes of its log. */
  readonly data: string;
  readonly own: ReadonlySet<string>;
  readonly host: string;
  /** Epoch ms. */
  readonly now: number;
}

/** What is to be told, and of which lanes. */
interface LeftOpen {
  readonly lanes: readonly {
    readonly lane: string;
    readonly host: string | undefined;
    readonly archivedTo: string;
  }[];
  readonly told: string;
}

/**
 * A data directory that is new to a repository may have come in the place of one that is lost, or not mounted: the lanes that this left open
 * are named, as far as they may be such. Those of other hosts that were written to a short while ago are not; of another proxy of this host nobody
 * can tell here. Undefined: there is none.
 */
export async function findLeftOpen(options: NewHereOptions): Promise<LeftOpen | undefined> {
  const { repository, data, own, host, now } = options;
  const { place, store } = repository;
  const summary = await readSummary(store, { useIndex: true });
  const left = openLanes(summary, computeCoverage(summary)).filter(
    (one) =>
      !own.has(one.lane) &&
      !one.isFollowed &&
      (one.host === host || now - one.toMs >= SILENT_MS_MIN),
  );
  if (left.length === 0) return undefined;
  return {
    lanes: left.map((one) => ({
      lane: one.lane,
      host: one.host,
      archivedTo: formatInstant(one.toMs),
    })),
    told: `${data} is new to this repository, and nothing has ended these lanes: each holds the safe time back, unless its proxy runs. If one was written from here, put its data directory back (is its disk mounted?): a start on that ends the lane. If that is gone for good, \`tsdb-wal lane retire LANE --repository ${place}\` ends it, with --force where it was written to in the last 15 minutes; unless it had stopped in order, that is a hole, and no later moment can be restored without --allow-holes (--dry-run tells). Or begin anew in another --repository`,
  };
}

/**
 * What is to be told of a topic of which a repository has nothing yet, though it has lanes of others: the topic may be a slip, and then lanes of
 * other proxies come to be among its own. Undefined: nothing.
 */
export async function tellNewTopic(
  { place, store }: Repository,
  topic: string,
): Promise<string | undefined> {
  const others = new Set<string>();
  for await (const lane of listLanes(store, [])) {
    const { begin } = await readLaneNotes(store, lane, []);
    if (begin?.topic === topic) return undefined;
    if (begin?.topic !== undefined) others.add(begin.topic);
  }
  if (others.size === 0) return undefined;
  const fed = [...others].toSorted().join(', ');
  return `${place} has nothing of the topic ${topic} so far, but of ${fed}: unless the proxies now use ${topic}, or both feed one OpenTSDB, stop this archiver and look at --topic`;
}
