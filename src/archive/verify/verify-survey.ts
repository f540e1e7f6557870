import { join } from 'node:path';
import type { FileStore } from '../../storage/file-store.ts';
import { lookAtFile } from '../write/leaving.ts';
import { parseObjectName } from '../format/object-names.ts';

/** What there is to be looked into. */
export interface Survey {
  readonly objects: number;
  readonly bytes: number;
}

const STATS_AT_ONCE = 64;

/** Counts the data objects whose last record was received later than `sinceMs`, and their bytes, by the listing. */
export async function surveyData(
  store: FileStore,
  { sinceMs, signal }: { readonly sinceMs: number; readonly signal: AbortSignal },
): Promise<Survey> {
  let objects = 0;
  let bytes = 0;
  let some: string[] = [];
  const count = async (): Promise<void> => {
    const found = await Promise.all(some.map((name) => lookAtFile(join(store.root, name), 0)));
    objects += some.length;
    bytes += found.reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
    some = [];
  };
  for await (const { name } of store.list('lanes')) {
    const parsed = parseObjectName(name);
    if (parsed?.kind !== 'data' || parsed.toMs <= sinceMs) continue;
    some.push(name);
    if (some.length < STATS_AT_ONCE) continue;
    if (signal.aborted) return { objects, bytes };
    await count();
  }
  await count();
  return { objects, bytes };
}
