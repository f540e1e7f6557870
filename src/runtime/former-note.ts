import { basename, join } from 'node:path';
import { readIntact, removeChecked, writeChecked } from './checked-json.ts';
import { explain } from './errors.ts';
import { formatInstant } from './instant.ts';

/** What a data directory was with before a start named another one. */
export interface Former {
  /** When another one was named, epoch ms; undefined: none was, since the start names none at all. */
  readonly until: number | undefined;
}

/** The parts of the sentence that differ. */
interface Slip {
  readonly named: string;
  /** "OpenTSDB than this directory fed". */
  readonly than: string;
  readonly before: string;
  /** What the former lacks or has. */
  readonly so: string;
  /** How it is named again. */
  readonly name: string;
  /** What it then gets. */
  readonly back: string;
  /** When the other one is the right one. */
  readonly isMeant: string;
}

/**
 * A file of the data directory that says what it was with before. Whether the other one is a slip or meant can't be told, so it is told to
 * operators until the former one is named again, or somebody removes the file, which says that the other one is meant. Of several it is the
 * first.
 */
export class FormerNote<T extends Former> {
  readonly path: string;
  readonly #noun: string;

  /** `noun`: what another one of was named. */
  constructor(data: string, name: string, noun: string) {
    this.path = join(data, name);
    this.#noun = noun;
  }

  /** Undefined when there is none. Throws DATA_UNUSABLE where it is damaged. */
  async read(): Promise<T | undefined> {
    return readIntact<T>(this.path, {
      lost: `which ${this.#noun} was named before`,
      hint: `Put it back from a copy. Or make sure that the ${this.#noun} that is named is the one that is meant, and remove ${basename(this.path)}.`,
    });
  }

  /** For people. */
  tell({ until }: T, { named, than, before, so, name, back, isMeant }: Slip): string {
    const when = until === undefined ? 'before' : `until ${formatInstant(until)}`;
    return `${named} is another ${than} before: ${when} that was ${before}${so}. If ${before} is meant, ${name}, and start: ${back}. If ${isMeant}, remove ${this.path}`;
  }

  /** Durable when it resolves. */
  async write(former: T): Promise<void> {
    await writeChecked(this.path, former);
  }

  /** Durable when it resolves. */
  async remove(): Promise<void> {
    await removeChecked(this.path);
  }
}

/** What there is to tell of what was named before, or why that can't be read. */
export async function toldOf<T>(
  look: Promise<T | undefined>,
  tell: (former: T) => string,
): Promise<string | undefined> {
  return look.then((former) => former && tell(former), explain);
}
