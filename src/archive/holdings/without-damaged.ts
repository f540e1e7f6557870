import type { Catalog } from './catalog.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import { type SequenceRange, SequenceSet } from '../../record/sequence-set.ts';

/** Segments that can't be used, by the names of their sidecars, and why. */
export type Damaged = ReadonlyMap<string, string>;

/**
 * What is left of a catalog without the segments that can't be used: what is asked for then is what nothing else has, be it in the
 * repository, in a log or in a topic.
 */
export function withoutDamaged<T extends Catalog>(catalog: T, damaged: Damaged): T {
  if (damaged.size === 0) return catalog;
  const lanes = [...catalog.lanes].map(([lane, holdings]) => {
    const objects: SegmentName[] = [];
    const spoilt = [...(holdings.damaged ?? [])];
    for (const name of holdings.objects) {
      const reason = damaged.get(formatSidecarName(name));
      if (reason === undefined) objects.push(name);
      else spoilt.push({ ...name, reason });
    }
    return [lane, Object.assign({}, holdings, { objects, damaged: spoilt })] as const;
  });
  return { ...catalog, lanes: new Map(lanes) };
}

/** Those of the repository: what was made of a log in place of one may have its name. */
export function notAmong(damaged: Damaged, local: ReadonlyMap<string, unknown>): Damaged {
  return local.size === 0 ? damaged : new Map([...damaged].filter(([name]) => !local.has(name)));
}

/** Records of a lane. */
export interface LaneRange extends SequenceRange {
  readonly lane: string;
}

/** What only the segments had that can't be used, in the order of lanes. */
export function lostRecords({ lanes }: Pick<Catalog, 'lanes'>): LaneRange[] {
  return [...lanes].flatMap(([lane, { objects, damaged = [] }]) => {
    if (damaged.length === 0) return [];
    const held = new SequenceSet(objects);
    const lost = new SequenceSet(damaged.flatMap((segment) => held.without(segment)));
    return lost.ranges.map((range) => Object.assign({ lane }, range));
  });
}
