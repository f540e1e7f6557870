import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../runtime/durable-file.ts';
import { type DurableMark, formatDurableMark, parseDurableMark } from './durable-mark.ts';

/**
 * The durable mark as it was when the log was last closed in order: `closed` in the data directory, outside of the log's folder. Should
 * that be lost, all is known that it had of the lane. Undefined when there is none that is whole.
 */
export async function readClosedMark(data: string): Promise<DurableMark | undefined> {
  return parseDurableMark(await readFile(pathOf(data), 'latin1').catch(() => ''));
}

/** Where it can't be written, less is known of a log that is lost: never rejects. */
export async function writeClosedMark(data: string, mark: DurableMark): Promise<void> {
  await writeFileAtomic(pathOf(data), formatDurableMark(mark)).catch(() => undefined);
}

function pathOf(data: string): string {
  return join(data, 'closed');
}
