import type { ObjectStore } from '../../storage/object-store.ts';
import type { Catalog } from './catalog.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import { listInner } from './outer-segments.ts';
import type { Damaged } from './without-damaged.ts';

/** The catalog, and in it also what can take the place of merged segments that are damaged: the next smaller ones, as far as they are there. */
export function withInnerOf(
  store: ObjectStore,
  catalog: Catalog,
  damaged: Damaged,
): Promise<Catalog> {
  if (damaged.size === 0) return Promise.resolve(catalog);
  return goInto(store, catalog, (segment) => damaged.has(formatSidecarName(segment)));
}

/** The catalog, and in it also the smallest segments that hold what was received at a time, epoch ms, and next to it. */
export function withInnerAt(store: ObjectStore, catalog: Catalog, ms: number): Promise<Catalog> {
  return goInto(store, catalog, ({ fromMs, toMs }) => fromMs <= ms && ms < toMs);
}

async function goInto(
  store: ObjectStore,
  catalog: Catalog,
  isWanted: (segment: SegmentName) => boolean,
): Promise<Catalog> {
  const lanes = new Map(catalog.lanes);
  for (const [lane, holdings] of lanes) {
    const isIn = (segment: SegmentName): boolean => segment.level !== 'minute' && isWanted(segment);
    let { objects } = holdings;
    const open = objects.filter(isIn);
    for (let segment = open.pop(); segment !== undefined; segment = open.pop()) {
      const inner = await listInner(store, segment);
      objects = addUnknown(objects, inner);
      open.push(...inner.filter(isIn));
    }
    lanes.set(lane, { ...holdings, objects });
  }
  return { ...catalog, lanes };
}

/** `inner`: of one day. */
function addUnknown(
  objects: readonly SegmentName[],
  inner: readonly SegmentName[],
): readonly SegmentName[] {
  const firstMs = inner.reduce((least, { toMs }) => Math.min(least, toMs), Infinity);
  const names = new Set(objects.filter(({ toMs }) => toMs >= firstMs).map(formatSidecarName));
  const added = inner.filter((segment) => !names.has(formatSidecarName(segment)));
  return added.length === 0 ? objects : [...objects, ...added];
}
