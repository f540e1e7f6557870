import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Level } from '../src/archive/format/object-names.ts';
import { runProgram, say } from './program.ts';
import { type WrittenLog, writeLog } from './archive-log.ts';
import { HELP, parseArchiveOptions } from './archive-options.ts';
import type { ArchiveOptions } from './archive-options.ts';
import { measureArchive, measureMerge, sizesOf } from './archive-run.ts';
import type { ArchiveSample, LevelSize, MergeSample } from './archive-run.ts';
import { type ArchiveVerdict, judgeArchive } from './archive-targets.ts';
import { LANES, makeYears } from './info-repository.ts';
import { type InfoSamples, measureInfo } from './info-run.ts';
import { BenchError } from './processes.ts';
import { measureReads, type ReadSample } from './reads-run.ts';
import { fixed, rate, table } from './report.ts';

/**
 * What archiving costs, by logs that the real one writes, with a clock that runs ahead: a regular one for bytes a
 * point, a busy one, whose segments are as large as they get, for points a second; and how fast `info` and others who look at years are.
 */
const REGULAR_STEP_MS = 10_000;
const BUSY = { series: 20_000, stepMs: 1_000 } as const;

interface LogResult {
  readonly name: 'regular' | 'busy';
  readonly log: WrittenLog;
  readonly archive: ArchiveSample;
  readonly merge: MergeSample | undefined;
  readonly sizes: ReadonlyMap<Level, LevelSize>;
}

interface InfoResult extends InfoSamples {
  readonly files: number;
  readonly madeSeconds: number;
  /** Of a repository of idle lanes. */
  readonly reads: readonly ReadSample[];
}

async function runBench(): Promise<number> {
  const options = parseArchiveOptions(process.argv.slice(2));
  if (options === undefined) {
    say(HELP);
    return 0;
  }
  if (!existsSync(options.main)) {
    throw new BenchError(`bench: ${options.main} is missing: run \`npm run build\` first`);
  }
  const parent = options.folder ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'tsdb-wal-bench-'));
  try {
    const logs = [await runLog('regular', options, folder), await runLog('busy', options, folder)];
    const info = options.years > 0 ? await runInfo(options, join(folder, 'years')) : undefined;
    return finish(options, logs, info);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runLog(
  name: LogResult['name'],
  { main, points, series }: ArchiveOptions,
  parent: string,
): Promise<LogResult> {
  const folder = join(parent, name);
  const data = join(folder, 'data');
  const repository = join(folder, 'repository');
  mkdirSync(data, { recursive: true });
  say(`${name}: writing the log\n`);
  const shape = name === 'busy' ? BUSY : { series, stepMs: REGULAR_STEP_MS };
  const log = await writeLog({ data, points, ...shape });
  say(`${name}: archiving ${fixed(log.hours, 1)} hours of it\n`);
  const archive = await measureArchive({ main, data, repository, log });
  if (name === 'regular') say(`${name}: merging\n`);
  // A busy minute merges as a regular hour does.
  const merge = name === 'regular' ? await measureMerge(repository, folder) : undefined;
  const sizes = await sizesOf(repository);
  const archived = sizes.get('minute')?.points;
  if (archived !== log.points) {
    throw new BenchError(`bench: ${archived} of ${log.points} points are archived`);
  }
  rmSync(folder, { recursive: true });
  return { name, log, archive, merge, sizes };
}

async function runInfo(options: ArchiveOptions, place: string): Promise<InfoResult> {
  const { years, hasAllSidecars, main } = options;
  say(`info: making ${years} years of ${LANES} lanes\n`);
  const startMs = performance.now();
  const files = await makeYears({ place, years, hasAllSidecars, hasPoints: true });
  const madeSeconds = (performance.now() - startMs) / 1_000;
  say(`info: ${files} files in ${fixed(madeSeconds, 0)} s\n`);
  const samples = measureInfo(main, place, LANES);
  if (samples.cold === undefined) {
    say("info: not measured cold: only root may drop the kernel's caches\n");
  }
  const reads = await runReads(options, `${place}-idle`);
  return { ...samples, files, madeSeconds, reads };
}

async function runReads(options: ArchiveOptions, folder: string): Promise<ReadSample[]> {
  const { years, hasAllSidecars, main } = options;
  const place = join(folder, 'repository');
  say(`reads: making ${years} years of ${LANES} idle lanes\n`);
  const files = await makeYears({ place, years, hasAllSidecars, hasPoints: false });
  say(`reads: looking at ${files} files\n`);
  return measureReads({ main, repository: place, folder });
}

function finish(
  options: ArchiveOptions,
  logs: readonly LogResult[],
  info: InfoResult | undefined,
): number {
  const sizeOf = (level: Level): number | undefined =>
    logs.find(({ name }) => name === 'regular')?.sizes.get(level)?.bytesPerPoint;
  const verdicts = judgeArchive({
    archivedPerSecond: logs.find(({ name }) => name === 'busy')?.archive.pointsPerSecond,
    minuteBytesPerPoint: sizeOf('minute'),
    dayBytesPerPoint: sizeOf('day'),
    infoWarmSeconds: info?.warm.wallSeconds,
    infoColdSeconds: info?.cold?.wallSeconds,
  });
  say(`\n${speedTable(logs)}\n\n${sizeTable(logs)}\n\n`);
  if (info !== undefined) say(`${infoTable(info)}\n\n${readsTable(info.reads)}\n\n`);
  say(`${verdictTable(verdicts)}\n`);
  if (options.json !== undefined) writeJson(options.json, { options, logs, info, verdicts });
  return options.isStrict && verdicts.some(({ verdict }) => verdict === 'missed') ? 1 : 0;
}

function speedTable(logs: readonly LogResult[]): string {
  const rows = logs.flatMap(({ name, archive, merge }) => [
    [`archive, ${name} log`, ...speedCells(archive), fixed(archive.rssPeakMiB, 0)],
    ...(merge === undefined ? [] : [[`merge, ${name} log`, ...speedCells(merge), '']]),
  ]);
  return table([['work', 'points', 'seconds', 'points/s', 'CPU s/M', 'peak MiB'], ...rows]);
}

function speedCells(sample: MergeSample): string[] {
  const { points, seconds, pointsPerSecond, cpuSecondsPerMillion } = sample;
  return [`${points}`, fixed(seconds, 1), rate(pointsPerSecond), fixed(cpuSecondsPerMillion)];
}

function sizeTable(logs: readonly LogResult[]): string {
  const rows = logs.flatMap(({ name, log, sizes }) => [
    [`${name}: the log itself`, '', `${log.points}`, fixed(log.bytes / log.points)],
    ...[...sizes].map(([level, { segments, points, bytesPerPoint }]) => [
      `${name}: ${level}s`,
      `${segments}`,
      `${points}`,
      fixed(bytesPerPoint),
    ]),
  ]);
  return table([['size', 'segments', 'points', 'bytes a point'], ...rows]);
}

function infoTable({ cold, warm }: InfoSamples): string {
  const rows = Object.entries({ cold, warm }).map(([name, sample]) => [
    `info, ${name}`,
    fixed(sample?.wallSeconds),
    fixed(sample?.cpuSeconds),
  ]);
  return table([['info', 'seconds', 'CPU s'], ...rows]);
}

function readsTable(reads: readonly ReadSample[]): string {
  const rows = reads.map(({ work, seconds, cpuSeconds, rssPeakMiB }) => {
    return [work, fixed(seconds), fixed(cpuSeconds), fixed(rssPeakMiB, 0)];
  });
  return table([['reads', 'seconds', 'CPU s', 'peak MiB'], ...rows]);
}

function verdictTable(verdicts: readonly ArchiveVerdict[]): string {
  const rows = verdicts.map(({ metric, title, better, reach, goal, measured, verdict }) => {
    const sign = better === 'higher' ? '≥' : '≤';
    const show = metric === 'archivedPerSecond' ? rate : (value?: number) => fixed(value);
    const word = verdict === 'missed' ? 'MISSED' : verdict;
    return [title, `${sign} ${show(reach)}`, `${sign} ${show(goal)}`, show(measured), word];
  });
  return table([['target', 'reach', 'goal', 'measured', 'verdict'], ...rows]);
}

interface Result {
  readonly options: ArchiveOptions;
  readonly logs: readonly LogResult[];
  readonly info: InfoResult | undefined;
  readonly verdicts: readonly ArchiveVerdict[];
}

function writeJson(path: string, { options, logs, info, verdicts }: Result): void {
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    kernel: release(),
    loadAverageAtEnd: loadavg(),
  };
  const { points, series, years, hasAllSidecars } = options;
  const result = {
    version: 1,
    at: new Date().toISOString(),
    machine,
    settings: { points, series, years, hasAllSidecars },
    targets: verdicts,
    logs: logs.map((one) => ({ ...one, sizes: Object.fromEntries(one.sizes) })),
    info,
  };
  writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
}

await runProgram(runBench);
