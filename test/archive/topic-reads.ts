import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readSidecar } from '../../src/archive/holdings/catalog.ts';
import { computeCoverage, type Coverage } from '../../src/archive/holdings/coverage.ts';
import { outermost } from '../../src/archive/holdings/lane-spans.ts';
import { formatSidecarName } from '../../src/archive/format/object-names.ts';
import { readHistory } from '../../src/archive/search/read-history.ts';
import { findHistory, openSources, type Sources } from '../../src/archive/tail/sources.ts';
import type { TopicLog } from '../../src/archive/topic/topic-log.ts';
import { plainRows, type PlainRecord, type PlainRow } from '../kit/plain-rows.ts';
import { present } from '../kit/wal-log.ts';
import { readRows } from './archive-content.ts';
import type { ArchiveRig } from './archive-rig.ts';
import type { Damaged } from '../../src/archive/holdings/without-damaged.ts';
import { type FakeTopic, type MadeLane, madeLane } from './fake-topic.ts';
import { Group, laneId, lengthOf, shape, START } from './topic-group.ts';

interface Read {
  readonly coverage: Coverage;
  readonly rows: readonly PlainRow[];
}

export function sourcesOf(rig: ArchiveRig, topic: TopicLog): Promise<Sources> {
  return openSources({ repository: rig.place, topic });
}

/** All that the repository and the topic hold together; each lane is told as far by the look before as by the reading. */
export async function readBoth(
  rig: ArchiveRig,
  topic: TopicLog,
  { data, damaged }: { readonly data?: string; readonly damaged?: Damaged } = {},
): Promise<Read> {
  const sources = { ...(await sourcesOf(rig, topic)), data };
  const now = Date.now();
  const found = await findHistory(sources, { now, damaged });
  const folder = join(rig.folder, 'tail');
  await mkdir(folder, { recursive: true });
  const options = {
    duckdb: rig.duckdb,
    folder,
    isWanted: () => true,
    onRead: () => undefined,
    now,
    signal: new AbortController().signal,
  };
  const { catalog, local } = await readHistory(sources, options, damaged);
  const coverage = computeCoverage(catalog);
  expect(coverage).toEqual(computeCoverage(found.catalog));
  const paths: string[] = [];
  for (const { objects } of catalog.lanes.values()) {
    for (const segment of outermost(objects)) {
      const made = local.get(formatSidecarName(segment));
      const sidecar = made?.sidecar ?? present(await readSidecar(sources.store, segment));
      if (sidecar.data === null) continue;
      paths.push(made?.path ?? present(await sources.store.localPath(sidecar.data.object)));
    }
  }
  return { coverage, rows: await readRows(rig.duckdb, paths) };
}

export function rowsOf(lanes: ReadonlyMap<string, readonly PlainRecord[]>): PlainRow[] {
  const sorted = [...lanes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return sorted.flatMap(([lane, records]) => plainRows(lane, records));
}

/** Archives the topic as it is, until so much of a lane is there. */
export async function archive(
  rig: ArchiveRig,
  topic: FakeTopic,
  until: (coverage: Coverage) => boolean,
  moreMs = 0,
): Promise<void> {
  await using group = new Group(rig);
  group.startAlone(topic);
  await group.until(until);
  await new Promise((resolve) => setTimeout(resolve, moreMs));
}

export function endOf({ records }: MadeLane, lastSeq = records.length): number {
  return present(records[lastSeq - 1]).receivedAt;
}

/** Its records ten seconds apart. */
export function spread(made: MadeLane): MadeLane {
  const records = made.records.map((record) => ({
    ...record,
    receivedAt: START + record.seq * 10_000,
  }));
  return { ...made, records };
}

/** Two lanes each of three proxies, sent part by part, by turns, some of it more than once. */
export function randomSends(below: (limit: number) => number): {
  readonly lanes: readonly MadeLane[];
  readonly sends: readonly ((topic: FakeTopic) => void)[];
} {
  const lanes: MadeLane[] = [];
  const proxies = [0, 1, 2].map((proxy) => {
    const own: { readonly lane: MadeLane; sent: number }[] = [];
    for (const ordinal of [1, 2]) {
      const lane = madeLane(
        laneId(below(3), lanes.length),
        `h${proxy}`,
        shape({
          ordinal,
          previous: own.at(-1)?.lane,
          points: 5 + below(30),
          cut: 2 + below(9),
          isClosed: below(2) === 0,
          startMs: START + ordinal * 10_000,
        }),
      );
      lanes.push(lane);
      own.push({ lane, sent: 0 });
    }
    return own;
  });
  const sends: ((topic: FakeTopic) => void)[] = [];
  while (proxies.some((own) => own.length > 0)) {
    const own = present(proxies[below(3)]);
    const [now] = own;
    if (now === undefined) continue;
    const { lane, sent } = now;
    const first = below(4) === 0 ? 1 + below(sent + 1) : sent + 1;
    const lastSeq = Math.min(lengthOf(lane), sent + 1 + below(8));
    sends.push((topic) => topic.send(lane, first, lastSeq));
    now.sent = lastSeq;
    if (lastSeq === lengthOf(lane)) own.shift();
  }
  return { lanes, sends };
}
