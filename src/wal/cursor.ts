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
  #of: string | undefined;

  private constructor(path: string, position?: Position, of?: string) {
    this.#path = path;
    this.#position = position;
    this.#of = of;
  }

  /** Reads `cursors/<name>.json` below the data directory; an absent file is a follower that never moved. */
  static async open(dataDirectory: string, name: string): Promise<Cursor> {
    const folder = join(dataDirectory, 'cursors');
    await makeFolder(folder);
    const path = Cursor.pathOf(dataDirectory, name);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Cursor(path);
      throw error;
    }
    return new Cursor(path, parseCursor(text, path), ownerIn(text));
  }

  static pathOf(dataDirectory: string, name: string): string {
    return join(dataDirectory, 'cursors', `${name}.json`);
  }

  /** Whether a follower of that name ever moved in this directory. Makes nothing. */
  static async isThere(dataDirectory: string, name: string): Promise<boolean> {
    const found = await stat(Cursor.pathOf(dataDirectory, name)).catch(() => undefined);
    return found !== undefined;
  }

  /** Who has the records up to a cursor's place, as `of`; undefined also where it can't be read. Makes nothing. */
  static async ownerOf(dataDirectory: string, name: string): Promise<string | undefined> {
    const path = Cursor.pathOf(dataDirectory, name);
    return readFile(path, 'utf8').then(ownerIn, () => undefined);
  }

  /** One that never moved, whatever the file holds: the next move replaces it. */
  static reset(dataDirectory: string, name: string): Cursor {
    return new Cursor(Cursor.pathOf(dataDirectory, name));
  }

  get position(): Position | undefined {
    return this.#position;
  }

  /** Who has the records up to the place, as an address; undefined where that isn't kept. */
  get of(): string | undefined {
    return this.#of;
  }

  /** Durable with the next move. */
  belongTo(of: string): void {
    this.#of = of;
  }

  /** Durable when it resolves; a crash before leaves the old place. */
  async move(position: Position): Promise<void> {
    await writeFileAtomic(this.#path, formatCursor(position, this.#of));
    this.#position = position;
  }
}

/** `crc` tells a changed digit: a cursor too far ahead would pass records over. */
function formatCursor({ lane, ordinal, seq }: Position, of: string | undefined): string {
  return `${JSON.stringify({ lane, ordinal, seq, of, crc: crcOf({ lane, ordinal, seq }) })}\n`;
}

function ownerIn(text: string): string | undefined {
  try {
    const { of } = JSON.parse(text) as { readonly of?: unknown };
    return typeof of === 'string' ? of : undefined;
  } catch {
    // No cursor: whoever needs its place says so.
    return undefined;
  }
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
