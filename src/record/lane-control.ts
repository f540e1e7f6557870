import { type Control, parseControl } from './control.ts';
import { type Fork, type LoggedFork, parseFork } from './fork.ts';
import type { LaneFrame } from './lane-frame.ts';
import { readLines, readRecords } from './record.ts';

/** What the first record of a frame's body says, when it opens its lane. */
export function openOf(body: Buffer): Extract<Control, { kind: 'open' }> | undefined {
  for (const record of readRecords(body)) {
    for (const line of readLines(body, record)) {
      const control = parseControl(line);
      return control?.kind === 'open' ? control : undefined;
    }
  }
  return undefined;
}

const NEWLINE = 0x0a;
const BANG = 0x21;
const LAST_LINE_BYTES_MAX = 100;

/** Whether the last line of a frame's body ends its lane: nothing of a lane comes after that. */
export function isClosed(body: Buffer): boolean {
  const line = body.subarray(body.lastIndexOf(NEWLINE, body.length - 2) + 1, body.length - 1);
  if (line[0] !== BANG || line.length > LAST_LINE_BYTES_MAX) return false;
  return parseControl(line.toString('latin1'))?.kind === 'close';
}

/** The lanes of which a frame tells that they have ended, and with which record: the one before its own, or its own. */
export function endedBy(frame: LaneFrame): { readonly lane: string; readonly lastSeq: number }[] {
  const { lane, firstSeq, lastSeq, body } = frame;
  const previous = firstSeq === 1 ? openOf(body)?.previous : undefined;
  const own = isClosed(body) ? [{ lane, lastSeq }] : [];
  return previous ? [previous, ...own] : own;
}

const FORK = Buffer.from('\n!fork ');

/** What the frame says of records, mostly earlier ones, that are undone. */
export function forksIn({ body }: Pick<LaneFrame, 'body'>): LoggedFork[] {
  if (!body.includes(FORK)) return [];
  const forks: LoggedFork[] = [];
  for (const record of readRecords(body)) {
    if (record.transport !== 'log') continue;
    for (const line of readLines(body, record)) {
      const fork = forkOf(line);
      if (fork !== undefined) forks.push({ ...fork, receivedAt: record.receivedAt });
    }
  }
  return forks;
}

/** Undefined for a line that says something else. Throws on one that should and is none that any writer writes. */
export function forkOf(line: string): Fork | undefined {
  const control = parseControl(line);
  if (control?.kind !== 'fork') return undefined;
  const fork = parseFork(control);
  if (fork === undefined) throw new Error(`no fork: ${line.slice(0, 100)}`);
  return fork;
}
