import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../record/position.ts';
import { checksum } from '../runtime/checksum.ts';
import { WalError } from '../runtime/errors.ts';
import { makeFolder, writeFileAtomic } from '../runtime/durable-file.ts';

/** A follower's durable place in the log: every record up to it needs no more work. */
export class Cursor {
  readonly #path: string;
  #position: Position | undefined;

  private constructor(path: string, position: Position | undefined) {
    this.#path = path;
    this.#position = position;
  }

  /** Reads `cursors/<name>.json` below the data directory; an absent file is a follower that never moved. */
  static async open(dataDirectory: string, name: string): Promise<Cursor> {
    const folder = join(dataDirectory, 'cursors');
    await makeFolder(folder);
    const path = join(folder, `${name}.json`);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Cursor(path, undefined);
      throw error;
    }
    return new Cursor(path, parseCursor(text, path));
  }

  /** Whether a follower of that name ever moved in this directory. Makes nothing. */
  static async isThere(dataDirectory: string, name: string): Promise<boolean> {
    const found = await stat(join(dataDirectory, 'cursors', `${name}.json`)).catch(() => undefined);
    return found !== undefined;
  }

  /** One that never moved, whatever the file holds: the next move replaces it. */
  static reset(dataDirectory: string, name: string): Cursor {
    return new Cursor(join(dataDirectory, 'cursors', `${name}.json`), undefined);
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Durable when it resolves; a crash before leaves the old place. */
  async move(position: Position): Promise<void> {
    await writeFileAtomic(this.#path, formatCursor(position));
    this.#position = position;
  }
}

/** `crc` tells a changed digit: a cursor too far ahead would pass records over. */
function formatCursor({ lane, ordinal, seq }: Position): string {
  return `${JSON.stringify({ lane, ordinal, seq, crc: crcOf({ lane, ordinal, seq }) })}\n`;
}

function crcOf({ lane, ordinal, seq }: Position): string {
  return checksum(`${lane} ${ordinal} ${seq}`);
}

/** What `move` wrote; throws DATA_UNUSABLE on anything else. */
export function parseCursor(text: string, path: string): Position {
  try {
    const value = JSON.parse(text) as Partial<Position & { crc: string }> | null;
    const { lane, ordinal, seq, crc } = value ?? {};
    if (typeof lane === 'string' && Number.isSafeInteger(ordinal) && Number.isSafeInteger(seq)) {
      const position = { lane, ordinal: ordinal ?? 0, seq: seq ?? 0 };
      if (crc === crcOf(position)) return position;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw unreadable(path, undefined);
}

function unreadable(path: string, cause: unknown): WalError {
  return new WalError('DATA_UNUSABLE', `${path} is no cursor`, {
    cause,
    hint: 'Remove the file to deliver the whole log again: the primary ends with the same content.',
  });
}
