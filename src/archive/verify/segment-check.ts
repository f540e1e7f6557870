import { WalError } from '../../runtime/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readSidecar } from '../holdings/catalog.ts';
import { checkDataObject, checkDataSize } from '../data-object.ts';
import { formatSidecarName, type SegmentName } from '../format/object-names.ts';
import type { Sidecar } from '../format/sidecar.ts';

/** A segment, as far as its bytes go; `bytes`: of its data, as many as were found. */
export type SegmentCheck =
  /** `path`: a local file with its data; undefined when no record of it gives a row. */
  | {
      readonly kind: 'whole';
      readonly sidecar: Sidecar;
      readonly path: string | undefined;
      readonly bytes: number;
    }
  /** It can't be used for this object. `sidecar` when that is whole. */
  | {
      readonly kind: 'damaged' | 'missing';
      readonly object: string;
      readonly reason: string;
      readonly sidecar: Sidecar | undefined;
      readonly bytes: number;
    }
  /** Removed since it was listed. */
  | { readonly kind: 'gone' };

export interface SegmentCheckOptions {
  /** Look at the size of the data only. */
  readonly isQuick: boolean;
  readonly signal?: AbortSignal;
}

/** Reads the sidecar, and every byte of the data that it names. Throws FORMAT_NEWER. */
export async function checkSegment(
  store: ObjectStore,
  segment: SegmentName,
  { isQuick, signal }: SegmentCheckOptions,
): Promise<SegmentCheck> {
  const sidecar = await readIfWhole(store, segment);
  if (sidecar === 'gone') return { kind: 'gone' };
  if (sidecar === 'damaged') {
    const object = formatSidecarName(segment);
    const reason = 'it is not what was written';
    return { kind: 'damaged', object, reason, sidecar: undefined, bytes: 0 };
  }
  const { data } = sidecar;
  if (data === null) return { kind: 'whole', sidecar, path: undefined, bytes: 0 };
  const found = await (isQuick ? checkDataSize(store, data) : checkDataObject(store, data, signal));
  if (found.kind === 'whole') return { ...found, sidecar };
  // A segment is removed sidecar first.
  if (found.kind === 'missing' && (await readIfWhole(store, segment)) === 'gone') {
    return { kind: 'gone' };
  }
  return { ...found, object: data.object, sidecar };
}

async function readIfWhole(
  store: ObjectStore,
  segment: SegmentName,
): Promise<Sidecar | 'gone' | 'damaged'> {
  try {
    return (await readSidecar(store, segment)) ?? 'gone';
  } catch (error) {
    if (error instanceof WalError && error.code === 'REPOSITORY_DAMAGED') return 'damaged';
    throw error;
  }
}
