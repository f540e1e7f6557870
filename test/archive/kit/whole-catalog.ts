import {
  type Catalog,
  listLanes,
  type ObjectFault,
  readLaneNotes,
} from '../../../src/archive/holdings/catalog.ts';
import { laneDays } from '../../../src/archive/holdings/lane-days.ts';
import { formatSidecarName, type SegmentName } from '../../../src/archive/format/object-names.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';

/** With every segment of all levels among its objects, as no command needs it. */
export async function readWholeCatalog(store: ObjectStore): Promise<Catalog> {
  const lanes = new Map<
    string,
    Catalog['lanes'] extends ReadonlyMap<string, infer T> ? T : never
  >();
  const faults: ObjectFault[] = [];
  for await (const lane of listLanes(store, faults)) {
    const objects: SegmentName[] = [];
    for await (const { segments } of laneDays({ store, lane, onStranger: () => undefined })) {
      objects.push(...segments);
    }
    const byName = objects.toSorted((a, b) =>
      formatSidecarName(a) < formatSidecarName(b) ? -1 : 1,
    );
    lanes.set(lane, { ...(await readLaneNotes(store, lane, faults)), objects: byName });
  }
  return { lanes, faults };
}
