import { setTimeout as sleep } from 'node:timers/promises';
import type { ConformanceCase, HttpCase, Stored, TelnetCase } from './cases.ts';
import { matchReply, matchResponse, matchSeries } from './match.ts';
import { Placeholders } from './placeholders.ts';
import { exchangeHttp, exchangeTelnet } from './wire.ts';

const PARALLEL = 4;
/** OpenTSDB flushes its writes every second. */
const FLUSH_MS = 1_500;
const STORED_MS_MAX = 8_000;
const STORED_POLL_MS = 300;

export interface ConformanceOptions {
  /** `HOST:PORT` to which the cases are sent. */
  readonly base: string;
  /** `HOST:PORT` of the OpenTSDB from which is read what was stored; `base` unless given. */
  readonly queryBase?: string;
  /** What the server has, of what cases need. */
  readonly have: readonly string[];
  readonly cases: readonly ConformanceCase[];
  /** By a case's id: why its answer differs on purpose. One that does not differ has failed. */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Awaited when all cases were sent and answered, before is looked at what was stored. */
  readonly beforeStored?: () => Promise<void>;
}

export type CaseOutcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly difference: string }
  | { readonly kind: 'excepted'; readonly reason: string; readonly difference: string }
  | { readonly kind: 'skipped'; readonly lacks: readonly string[] };

/** Sends all cases, waits once, then checks what was stored. The outcomes by the cases' ids. */
export async function runConformance(
  options: ConformanceOptions,
): Promise<ReadonlyMap<string, CaseOutcome>> {
  const { base, queryBase = base, have, cases, exceptions = {} } = options;
  const run: Run = { base, queryBase, placeholders: new Placeholders() };
  const runnable = cases.filter((one) => lacks(one, have).length === 0);
  const differences = new Map<string, string>();
  const attempt = async (id: string, check: () => Promise<string | undefined>): Promise<void> => {
    const difference = await check().catch((error: unknown) => String(error));
    if (difference !== undefined && !differences.has(id)) differences.set(id, difference);
  };
  await inParallel(chains(runnable), async (chain) => {
    for (const one of chain) await attempt(one.id, () => send(one, run));
  });
  await options.beforeStored?.();
  await sleep(FLUSH_MS);
  await inParallel(runnable, (one) => attempt(one.id, () => checkAllStored(one, run)));
  return new Map(
    cases.map((one) => {
      const missing = lacks(one, have);
      if (missing.length > 0) return [one.id, { kind: 'skipped', lacks: missing }];
      return [one.id, judge(differences.get(one.id), exceptions[one.id])];
    }),
  );
}

function judge(difference: string | undefined, exception: string | undefined): CaseOutcome {
  if (exception === undefined) {
    return difference === undefined ? { kind: 'passed' } : { kind: 'failed', difference };
  }
  return difference === undefined
    ? {
        kind: 'failed',
        difference: `answers as OpenTSDB does, so it is no exception: ${exception}`,
      }
    : { kind: 'excepted', reason: exception, difference };
}

interface Run {
  readonly base: string;
  readonly queryBase: string;
  readonly placeholders: Placeholders;
}

async function send(one: ConformanceCase, run: Run): Promise<string | undefined> {
  const fill = fillOf(run);
  for (const request of one.setup ?? []) await exchangeHttp(run.base, [request], { fill });
  return one.protocol === 'telnet' ? sendTelnet(one, run) : sendHttp(one, run);
}

async function sendTelnet(one: TelnetCase, run: Run): Promise<string | undefined> {
  const { reply, closed } = await exchangeTelnet(run.base, one.request, fillOf(run));
  return matchReply(one.expect, reply, run.placeholders) ?? matchClosed(one.expect.closed, closed);
}

async function sendHttp(one: HttpCase, run: Run): Promise<string | undefined> {
  const { expect } = one;
  const requests = [one.request].flat();
  const wanted = expect.noResponse === true ? [] : (expect.responses ?? [expect]);
  const { responses, closed } = await exchangeHttp(run.base, requests, {
    fill: fillOf(run),
    count: Math.max(wanted.length, 1),
    probe: expect.closed !== undefined,
  });
  if (responses.length !== wanted.length) {
    return `${responses.length} responses, want ${wanted.length}`;
  }
  for (const [index, response] of responses.entries()) {
    const want = wanted[index];
    const difference = want && matchResponse(want, response, run.placeholders);
    if (difference !== undefined) return difference;
  }
  return matchClosed(expect.closed, closed);
}

function matchClosed(expected: boolean | undefined, actual: boolean): string | undefined {
  if (expected === undefined || expected === actual) return undefined;
  return `the connection was ${actual ? '' : 'not '}closed`;
}

async function checkAllStored(one: ConformanceCase, run: Run): Promise<string | undefined> {
  for (const stored of one.stored === undefined ? [] : [one.stored].flat()) {
    const deadline = Date.now() + STORED_MS_MAX;
    let difference = await checkStored(stored, run);
    while (difference !== undefined && Date.now() < deadline) {
      await sleep(STORED_POLL_MS);
      difference = await checkStored(stored, run);
    }
    if (difference !== undefined) return `stored: ${difference}`;
  }
  return undefined;
}

async function checkStored(stored: Stored, run: Run): Promise<string | undefined> {
  const request = { method: 'GET', path: stored.query, headers: { Connection: 'close' } };
  const { responses } = await exchangeHttp(run.queryBase, [request], { fill: fillOf(run) });
  const [response] = responses;
  if (response === undefined) return 'no answer';
  const status = stored.status ?? 200;
  if (response.status !== status) return `status ${response.status}, want ${status}`;
  if (stored.expect === undefined) return undefined;
  return matchSeries(stored.expect, response.body.toString('utf8'), run.placeholders);
}

function fillOf({ placeholders }: Run): (text: string) => string {
  return (text) => placeholders.fill(text);
}

function lacks({ needs = [] }: ConformanceCase, have: readonly string[]): readonly string[] {
  return needs.filter((need) => !have.includes(need));
}

/** Cases of one chain together, in their order; any other by itself. */
function chains(cases: readonly ConformanceCase[]): readonly (readonly ConformanceCase[])[] {
  const groups = new Map<string, ConformanceCase[]>();
  for (const one of cases) {
    const key = one.chain === undefined ? `case ${one.id}` : `chain ${one.chain}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}
