import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checksum } from './checksum.ts';
import { syncFolder, writeFileAtomic } from './durable-file.ts';
import { WalError } from './errors.ts';

/** A small file of the data directory: one line of JSON, and its checksum on a second one. Durable when it resolves. */
export async function writeChecked(path: string, value: object): Promise<void> {
  const text = JSON.stringify({ format: 1, ...value });
  await writeFileAtomic(path, `${text}\n${checksum(text)}\n`);
}

/** Durable when it resolves. An absent one is fine. */
export async function removeChecked(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** What was written there; `absent` when there is none, `damaged` when it is something else. */
export async function readChecked(
  path: string,
): Promise<Readonly<Record<string, unknown>> | 'absent' | 'damaged'> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw error;
  }
  const [text = '', sum] = content.split('\n');
  if (sum !== checksum(text)) return 'damaged';
  const { format, ...value } = JSON.parse(text) as Record<string, unknown>;
  return format === 1 ? value : 'damaged';
}

/** The same of a file that nothing goes on without: undefined when there is none. Throws DATA_UNUSABLE where it is damaged; `lost`: what then cannot be told. */
export async function readIntact<T extends object>(
  path: string,
  { lost, hint }: { readonly lost: string; readonly hint: string },
): Promise<T | undefined> {
  const read = await readChecked(path);
  if (read === 'absent') return undefined;
  if (read !== 'damaged') return read as unknown as T;
  throw new WalError('DATA_UNUSABLE', `${path} is damaged: it cannot be told ${lost}`, { hint });
}
