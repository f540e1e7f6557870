import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openLog } from '../../archive/tail/log-tail.ts';
import type { Config } from '../../config/options.ts';
import { explain, WalError } from '../../runtime/errors.ts';
import type { LockHolder } from '../../wal/directory-lock.ts';
import { type SpaceLimits, spaceRefusal } from '../../wal/space.ts';
import { type ConfigFinding, messageOf, type Purpose } from './finding.ts';
import { isHere } from './running.ts';

/** Whether the data directory is what the command needs. `running`: what holds it. */
export async function checkData(
  purpose: Purpose,
  { data, kafka, wal }: Config,
  running: readonly LockHolder[],
): Promise<readonly ConfigFinding[]> {
  const hasTopic = kafka.brokers.length > 0;
  // That of a standby is the topic, or the log of a proxy; that of an archiver its own place, or that log.
  if (purpose === 'standby' && hasTopic) return [];
  const found: ConfigFinding[] = [];
  if (purpose !== 'standby') {
    const limits = purpose === 'start' ? wal : undefined;
    found.push(await checkPlace(data, limits));
  }
  if (purpose !== 'start' && !hasTopic) found.push(await checkLog(data));
  return [...found, ...running.map((holder) => judgeHolder(data, holder))];
}

/** Creates nothing that stays: a directory that is not there is judged by the nearest one above that is. `limits`: of a log that it is for. */
async function checkPlace(data: string, limits: SpaceLimits | undefined): Promise<ConfigFinding> {
  try {
    const existing = await nearestExisting(data);
    await tryWriting(existing);
    const log = await nearestExisting(join(data, 'wal'));
    const refusal = limits && (await spaceRefusal(log, 0, limits));
    if (refusal !== undefined) {
      const says = `data ${data}: ${refusal}: every write would be answered 503. ${MAKE_ROOM}`;
      return { kind: 'error', code: 'DATA_UNUSABLE', says };
    }
    const state = existing === data ? 'can be written' : 'will be created';
    return { kind: 'ok', says: `data ${data} ${state}` };
  } catch (error) {
    const says = `data ${data} cannot be used: ${messageOf(error)}`;
    return { kind: 'error', code: 'DATA_UNUSABLE', says };
  }
}

/** Of a disk that is full a folder can still be made. Rejects where nothing can be written. */
async function tryWriting(folder: string): Promise<void> {
  const tried = await mkdtemp(join(folder, '.tsdb-wal-check-'));
  try {
    await writeFile(join(tried, 'tried'), Buffer.alloc(TRIED_BYTES));
  } finally {
    await rm(tried, { recursive: true, force: true });
  }
}

const TRIED_BYTES = 65_536;

const MAKE_ROOM =
  'Make room there, name a place on another disk by --data, or set wal.freeBytesMin lower';

async function checkLog(data: string): Promise<ConfigFinding> {
  try {
    const { segments } = await openLog(data);
    return { kind: 'ok', says: `data ${data} has a log: files ${segments.length}` };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return { kind: 'error', code: error.code, says: explain(error) };
  }
}

function judgeHolder(data: string, holder: LockHolder): ConfigFinding {
  const { pid, host } = holder;
  return isHere(holder)
    ? {
        kind: 'ok',
        says: `data ${data} is in use by the tsdb-wal that runs, process ${pid}: another start is refused until that has stopped`,
      }
    : {
        kind: 'error',
        code: 'DATA_LOCKED',
        says: `data ${data} is in use by process ${pid} on ${host}: two never share one`,
      };
}

/** The path itself, or the nearest one above it that is there. */
export async function nearestExisting(path: string): Promise<string> {
  try {
    await access(path, constants.F_OK);
    return path;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing || dirname(path) === path) throw error;
    return nearestExisting(dirname(path));
  }
}
