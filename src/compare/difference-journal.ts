import { appendFile, writeFile } from 'node:fs/promises';
import { canonicalTags } from '../archive/format/canonical-tags.ts';
import { VALUE_END } from '../restore/fold/fold-query.ts';
import { readLineBatches } from '../restore/verify/line-batches.ts';
import type { DifferenceCounts, LogAnswer } from './compare-request.ts';
import type { HourDifference } from './difference.ts';

/** A difference, and by the place of a point what the log knows of it. */
export interface JudgedDifference {
  readonly difference: HourDifference;
  readonly answers: ReadonlyMap<number, LogAnswer>;
}

const CONTROL = /[\t\n\r]/;

/** Differences on the disk, since there may be any number of them. Points have numbers, in the order in which they were added. */
export class DifferenceJournal {
  readonly #path: string;
  readonly #counts = { missing: 0, extra: 0, different: 0, form: 0, unreadable: 0 };
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  get counts(): DifferenceCounts {
    return { ...this.#counts };
  }

  /** Points that differ. */
  get points(): number {
    const { missing, extra, different, form } = this.#counts;
    return missing + extra + different + form;
  }

  async add(differences: readonly HourDifference[]): Promise<void> {
    for (const { kind, points } of differences) {
      this.#counts[kind] += kind === 'unreadable' ? 1 : points.length;
    }
    const text = differences.map((one) => `${JSON.stringify(one)}\n`).join('');
    // Two that write at once would mix their lines.
    this.#last = this.#last.then(() => appendFile(this.#path, text));
    await this.#last;
  }

  async *read(): AsyncGenerator<HourDifference> {
    if (this.points + this.#counts.unreadable === 0) return;
    for await (const line of linesOf(this.#path)) yield JSON.parse(line) as HourDifference;
  }

  /** Writes the points as cells that the fold can look up: number, metric, tags, instant. */
  async writeWanted(path: string): Promise<void> {
    await writeFile(path, '');
    let number = 0;
    for await (const { metric, tags, points } of this.read()) {
      const names = tags === null ? '' : canonicalTags(Object.entries(tags));
      const lines = points.map(
        ({ instantMs }, index) => `${number + index}\t${metric}\t${names}\t${instantMs}\n`,
      );
      number += points.length;
      // Such a name would break the line; the log is not asked for it.
      if (!CONTROL.test(metric)) await appendFile(path, lines.join(''));
    }
  }

  /** With what the fold has written for them (`lookUpStatement`); undefined: it was not asked. */
  async *judged(answersPath: string | undefined): AsyncGenerator<JudgedDifference> {
    const answers = answersPath === undefined ? undefined : readAnswers(answersPath);
    let next = await answers?.next();
    let number = 0;
    for await (const difference of this.read()) {
      const end = number + difference.points.length;
      const known = new Map<number, LogAnswer>();
      while (next !== undefined && next.done !== true && next.value.number < end) {
        known.set(next.value.number - number, next.value.answer);
        next = await answers?.next();
      }
      number = end;
      yield { difference, answers: known };
    }
  }
}

async function* readAnswers(
  path: string,
): AsyncGenerator<{ readonly number: number; readonly answer: LogAnswer }, undefined> {
  for await (const line of linesOf(path)) {
    const [number, isRefused, past = '', receivedAt, transport, value = '', ...rest] =
      line.split('\t');
    const sent = transport === 'telnet' ? ('telnet' as const) : ('http' as const);
    const known = { transport: sent, value, line: rest.join('\t'), receivedAt: Number(receivedAt) };
    const written = transport === '' ? null : known;
    const undone = past.split(VALUE_END).slice(0, -1);
    yield { number: Number(number), answer: { isRefused: isRefused === '1', undone, written } };
  }
  return undefined;
}

async function* linesOf(path: string): AsyncGenerator<string> {
  for await (const lines of readLineBatches(path)) yield* lines;
}
