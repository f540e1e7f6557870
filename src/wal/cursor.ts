import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Position } from '../record/position.ts';
import { WalError } from '../runtime/errors.ts';
import { writeFileAtomic } from './atomic-file.ts';

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
    await mkdir(folder, { recursive: true });
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

  get position(): Position | undefined {
    return this.#position;
  }

  /** Durable when it resolves; a crash before leaves the old place. */
  async move(position: Position): Promise<void> {
    await writeFileAtomic(this.#path, `${JSON.stringify(position)}\n`);
    this.#position = position;
  }
}

function parseCursor(text: string, path: string): Position {
  try {
    const value = JSON.parse(text) as Partial<Position>;
    const { lane, ordinal, seq } = value;
    if (typeof lane === 'string' && Number.isSafeInteger(ordinal) && Number.isSafeInteger(seq)) {
      return { lane, ordinal: ordinal ?? 0, seq: seq ?? 0 };
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
