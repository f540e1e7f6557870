import { mkdir, writeFile } from 'node:fs/promises';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
  type SegmentName,
} from '../../src/archive/format/object-names.ts';
import {
  type Begin,
  formatBegin,
  formatSidecar,
  type Sidecar,
} from '../../src/archive/format/sidecar.ts';
import type { LoggedFork } from '../../src/record/fork.ts';
import { fileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';

const RANDOM = '89abcdef';
const DATA_BYTES = 1_000;

/** A sidecar that says it has 10 points in a data object. */
function fabricatedSidecar(segment: SegmentName): Sidecar {
  return {
    ...segment,
    ordinal: 1,
    records: segment.lastSeq - segment.firstSeq + 1,
    points: 10,
    refused: 0,
    bypasses: 0,
    confirmed: null,
    instants: { from: segment.fromMs, to: segment.toMs },
    data: {
      object: formatDataName(segment, RANDOM),
      bytes: DATA_BYTES,
      sha256: '0'.repeat(64),
      rows: 10,
    },
    createdAt: segment.toMs,
    writer: 'tsdb-wal test',
  };
}

export async function putBegin(store: ObjectStore, begin: Begin): Promise<void> {
  await store.create(formatBeginName(begin.lane), Buffer.from(formatBegin(begin)));
}

/** Its data are zeros of the size that the sidecar tells. Returns the sidecar's name. */
export async function putSegment(
  store: ObjectStore,
  segment: SegmentName,
  forks: readonly LoggedFork[] = [],
): Promise<string> {
  const name = formatSidecarName(segment);
  await store.create(formatDataName(segment, RANDOM), Buffer.alloc(DATA_BYTES));
  await store.create(
    name,
    Buffer.from(
      formatSidecar({ ...fabricatedSidecar(segment), ...(forks.length > 0 && { forks }) }),
    ),
  );
  return name;
}

/** Of records that give no row. */
export async function putEmptySegment(store: ObjectStore, segment: SegmentName): Promise<void> {
  const sidecar = { ...fabricatedSidecar(segment), points: 0, instants: null, data: null };
  await store.create(formatSidecarName(segment), Buffer.from(formatSidecar(sidecar)));
}

/** Files that no power cut is to hit: many are made in no time. */
export function hastyStore(root: string): FileStore {
  return new FileStore(root, {
    ...fileOperations,
    write: (path, content) => writeFile(path, content),
    makeFolder: async (path) => {
      await mkdir(path, { recursive: true });
    },
    syncFolder: () => Promise.resolve(),
  });
}
