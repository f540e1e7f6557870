import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/options.ts';
import { formerPrimary } from '../../follow/former-primary.ts';
import { KnownForks } from '../../follow/known-forks.ts';
import { PrimaryTerm } from '../../follow/primary-term.ts';
import { Cursor } from '../../wal/cursor.ts';
import { dataUnusable } from '../../wal/data-unusable.ts';

/** What a start reads of a data directory before it opens the log; each rejects where a start is refused for it. Changes nothing. */
export function readKept({ data, kafka }: Config): readonly Promise<void>[] {
  const cursors = kafka.brokers.length > 0 ? ['primary', 'kafka'] : ['primary'];
  return [
    ...cursors.map((name) => readCursor(data, name)),
    KnownForks.open(data).then(nothing),
    PrimaryTerm.open(data).then(nothing),
    formerPrimary(data).read().then(nothing),
    listLog(join(data, 'wal')),
  ];
}

function nothing(): void {
  // Only whether it can be read is asked.
}

async function readCursor(data: string, name: string): Promise<void> {
  // Opening makes its folder.
  if (await Cursor.isThere(data, name)) await Cursor.open(data, name);
}

async function listLog(folder: string): Promise<void> {
  try {
    await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw dataUnusable(
      folder,
      error,
      'A folder of that name holds the log: move away what is there.',
    );
  }
}
