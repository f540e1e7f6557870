import { mkdir, writeFile } from 'node:fs/promises';
import type { SegmentName } from '../../src/archive/object-names.ts';
import { formatBeginName, formatSidecarName } from '../../src/archive/object-names.ts';
import { type Begin, formatBegin, formatSidecar, type Sidecar } from '../../src/archive/sidecar.ts';
import { fileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';

/** The sidecar of a segment of ticks, which has no data object: 10 points are claimed all the same. */
export function emptySidecar(segment: SegmentName, fields: Partial<Sidecar> = {}): Sidecar {
  return {
    ...segment,
    ordinal: 1,
    records: segment.lastSeq - segment.firstSeq + 1,
    points: 10,
    refused: 0,
    bypasses: 0,
    confirmed: null,
    instants: null,
    data: null,
    createdAt: segment.toMs,
    writer: 'tsdb-wal test',
    ...fields,
  };
}

export async function putBegin(store: ObjectStore, begin: Begin): Promise<void> {
  await store.create(formatBeginName(begin.lane), Buffer.from(formatBegin(begin)));
}

export async function putSegment(store: ObjectStore, segment: SegmentName): Promise<string> {
  const name = formatSidecarName(segment);
  await store.create(name, Buffer.from(formatSidecar(emptySidecar(segment))));
  return name;
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
