import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DegradedWatch } from './degraded.ts';
import { BenchError } from './processes.ts';
import type { Running, Tools } from './processes.ts';
import { childPids, cpuSeconds, memory, resetPeak } from './procfs.ts';
import type { Shape } from './shapes.ts';

/** One run of one shape through one subject: load, wait for delivery, read the clocks. */
const LIMITS = { deliveryMsMax: 60_000, stallMsMax: 5_000, pollMs: 20, settleMs: 250 } as const;
const POINTS_UNBOUNDED = 4_000_000_000;
const MILLION = 1_000_000;
const exec = promisify(execFile);

/** What `tsdload` prints. */
export interface Load {
  readonly acked: number;
  readonly errors: number;
  readonly non2xx: number;
  readonly telnet_replies: number;
  readonly secs: number;
  readonly pps: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly max_ms: number;
  readonly first_error?: string;
}

export interface Subject {
  readonly name: 'direct' | 'floor' | 'least-log' | 'tsdb-wal' | 'tsdb-wal+kafka';
  readonly address: { readonly http: string; readonly telnet: string };
  /** The process under test; direct has none. */
  readonly pid?: number;
  /** Where a tsdb-wal tells whether its answers wait for the primary. */
  readonly admin?: string | undefined;
  /** The broker that it writes to, where that is on this machine. */
  readonly brokerPid?: number | undefined;
}

/** The far end: how many points it has taken so far, and whose CPU that costs. */
export interface FarEnd {
  readonly address: string;
  /** Asked at each measuring: a young OpenTSDB has no connection to its HBase before it was written to. */
  pids(): readonly number[];
  /** Nobody else writes to it. */
  readonly isPrivate: boolean;
  count(): Promise<number>;
}

export interface Sample {
  readonly round: number;
  readonly shape: string;
  readonly subject: Subject['name'] | 'standby';
  readonly pointsPerSecond: number;
  readonly acknowledged: number;
  readonly delivered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuSecondsPerMillion?: number;
  readonly brokerCpuSecondsPerMillion?: number;
  /** Of the archiver beside the proxy, of what it did meanwhile: it may be behind. */
  readonly archiverCpuSecondsPerMillion?: number;
  /** CPU of the process under test as a share of that of OpenTSDB and HBase in the same run. */
  readonly cpuShareOfDatabase?: number;
  readonly rssPeakMiB?: number;
  readonly rssGrowthMiB?: number;
  /**
   * For some of the run answers came from the log alone, as fast as that is: it says nothing of what the same load costs
   * proxy and OpenTSDB, and doesn't count.
   */
  readonly isDegraded?: true;
  /** Why the run does not count; the bench then fails. */
  readonly fault?: string;
}

export interface RunOptions {
  readonly tools: Tools;
  readonly shape: Shape;
  readonly subject: Subject;
  readonly farEnd: FarEnd;
  readonly seconds: number;
  readonly round: number;
}

export async function measure(options: RunOptions): Promise<Sample> {
  const { shape, subject, farEnd, round } = options;
  const { pid, brokerPid } = subject;
  await settle(farEnd);
  if (pid !== undefined) resetPeak(pid);
  const base = await farEnd.count();
  const database = farEnd.pids();
  const before = clocks(subject, database);
  const watch = watchDegraded(options);
  const load = await generate({ ...options, hosts: hostsOf(shape, farEnd) });
  const isDegraded = await watch.end();
  const delivery = await delivered(farEnd, base, load.acked);
  const after = clocks(subject, database);
  const millions = load.acked / MILLION;
  const cpu = after.subject - before.subject;
  const databaseCpu = after.database - before.database;
  const secondsTaken = load.secs + delivery.waitedMs / 1_000;
  const problem = fault(load, delivery.count);
  return {
    round,
    shape: shape.name,
    subject: subject.name,
    pointsPerSecond: shape.waits ? load.pps : delivery.count / secondsTaken,
    acknowledged: load.acked,
    delivered: delivery.count,
    p50Ms: load.p50_ms,
    p99Ms: load.p99_ms,
    ...(pid !== undefined && {
      cpuSecondsPerMillion: cpu / millions,
      rssPeakMiB: memory(pid).peakMiB,
      ...(databaseCpu > 0 && { cpuShareOfDatabase: cpu / databaseCpu }),
    }),
    ...(after.children > 0 && {
      archiverCpuSecondsPerMillion: (after.children - before.children) / millions,
    }),
    ...(brokerPid !== undefined && {
      brokerCpuSecondsPerMillion: (after.broker - before.broker) / millions,
    }),
    ...(isDegraded && { isDegraded }),
    ...(problem !== undefined && { fault: problem }),
  };
}

/** The null sink always keeps up, and who does not wait for answers is as fast with and without the primary. */
function watchDegraded({ shape, subject, farEnd }: RunOptions): DegradedWatch {
  return new DegradedWatch(shape.waits && !farEnd.isPrivate ? subject.admin : undefined);
}

export type GenerateOptions = Pick<RunOptions, 'tools' | 'shape' | 'subject' | 'seconds'> & {
  readonly hosts: string;
};

let runs = 0;

/**
 * Telnet and HTTP write different hosts: the two transports store a value in different forms. Loads run ahead of the
 * clock, so that of the same hosts the next one would write what the last one wrote: against the null sink each has
 * hosts of its own. A real OpenTSDB would have to give them all ids.
 */
export function hostsOf({ transport }: Shape, { isPrivate }: FarEnd): string {
  runs += 1;
  return `${transport === 'http' ? 'web' : 'tel'}${isPrivate ? runs : ''}`;
}

export async function generate(options: GenerateOptions): Promise<Load> {
  const { tools, shape, subject, seconds, hosts } = options;
  const args = ['-addr', subject.address[shape.transport], '-mode', shape.transport];
  args.push('-batch', `${shape.batchPoints}`, '-conc', `${shape.connections}`);
  args.push('-points', `${POINTS_UNBOUNDED}`, '-maxtime', `${seconds}s`, '-hosts', hosts);
  // Each connection writes series of its own, each once per instant, so that every point is a new cell.
  args.push('-rate', `${shape.pointsPerSecond}`, '-apart');
  args.push(`-sync=${shape.transport === 'telnet' && shape.waits}`);
  const { stdout } = await exec(tools.load, args, { maxBuffer: MILLION });
  return parseLoad(JSON.parse(stdout));
}

function parseLoad(value: unknown): Load {
  if (typeof value !== 'object' || value === null || !('acked' in value) || !('pps' in value)) {
    throw new BenchError('bench: the load generator printed something else than its result');
  }
  return value as Load;
}

function fault(load: Load, count: number): string | undefined {
  const first = load.first_error === undefined ? '' : `, first: ${load.first_error.trim()}`;
  if (load.acked === 0) return `nothing acknowledged${first}`;
  if (count < load.acked) return `${load.acked} points acknowledged, ${count} arrived`;
  const errors = load.errors + load.non2xx + load.telnet_replies;
  return errors > 0 ? `${errors} errors at the client${first}` : undefined;
}

/** Waits for what earlier runs still have under way, which would else hide a loss of this one. */
export async function settle(farEnd: FarEnd): Promise<void> {
  const until = performance.now() + LIMITS.deliveryMsMax;
  let before: number;
  let count = await farEnd.count();
  do {
    if (performance.now() > until) {
      throw new BenchError(`bench: points keep arriving without load at ${farEnd.address}`);
    }
    before = count;
    await sleep(LIMITS.settleMs);
    count = await farEnd.count();
  } while (farEnd.isPrivate && count !== before);
}

interface Patience {
  readonly deliveryMsMax: number;
  readonly stallMsMax: number;
}

interface Delivery {
  readonly count: number;
  readonly waitedMs: number;
}

/** Waits until what was acknowledged has arrived, or nothing more arrives. */
export async function delivered(
  farEnd: FarEnd,
  base: number,
  want: number,
  patience: Patience = LIMITS,
): Promise<Delivery> {
  const start = performance.now();
  let count = (await farEnd.count()) - base;
  let grewAt = 0;
  for (let now = 0; count < want && now < patience.deliveryMsMax;) {
    if (now - grewAt > patience.stallMsMax) break;
    await sleep(LIMITS.pollMs);
    const next = (await farEnd.count()) - base;
    now = performance.now() - start;
    if (next > count) grewAt = now;
    count = next;
  }
  return { count, waitedMs: grewAt };
}

interface Clocks {
  readonly subject: number;
  /** Of processes that it started and that run: the archiver. */
  readonly children: number;
  readonly broker: number;
  readonly database: number;
}

function clocks({ pid, brokerPid }: Subject, database: readonly number[]): Clocks {
  return {
    subject: pid === undefined ? 0 : cpuSeconds(pid),
    children: pid === undefined ? 0 : sumOf(childPids(pid)),
    broker: brokerPid === undefined ? 0 : cpuSeconds(brokerPid),
    database: sumOf(database),
  };
}

const sumOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);

export function subjectOf(name: Subject['name'], { address, pid, admin }: Running): Subject {
  return { name, address, pid, admin };
}

export function nullSink(address: string): FarEnd {
  const count = (): Promise<number> => readCount(`http://${address}/count`, fromNullSink);
  return { address, pids: () => [], isPrivate: true, count };
}

/** OpenTSDB counts what it took from anyone, so with other writers about, its count only proves the contrary. */
export function openTsdb(address: string, pids: () => readonly number[]): FarEnd {
  const count = (): Promise<number> => readCount(`http://${address}/api/stats`, fromStats);
  return { address, pids, isPrivate: false, count };
}

async function readCount(url: string, pick: (body: unknown) => unknown): Promise<number> {
  const response = await fetch(url);
  const count = Number(pick(await response.json()));
  if (!Number.isSafeInteger(count)) throw new BenchError(`bench: no count of points at ${url}`);
  return count;
}

function fromNullSink(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'points' in body ? body.points : undefined;
}

function fromStats(body: unknown): unknown {
  const stats = Array.isArray(body) ? (body as readonly Record<string, unknown>[]) : [];
  return stats.find(({ metric }) => metric === 'tsd.datapoints.added')?.['value'];
}
