import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Address, formatAddress, reachedHere } from '../../config/address.ts';
import type { Config } from '../../config/options.ts';
import { fieldsOf } from '../../record/fields.ts';
import { hintOf } from '../../runtime/listen-failed.ts';
import type { LockHolder } from '../../wal/directory-lock.ts';
import { AdminClient } from '../../admin/admin-client.ts';
import { configOfWorker, placeWorkers } from '../../workers/worker-places.ts';
import type { ConfigFinding, Purpose } from './finding.ts';
import { holderOfPort, parentOf } from './port-holder.ts';
import { isHere } from './running.ts';

/** Whether the addresses that the command uses can be had. `running`: what runs with the data directory of the configuration. */
export async function checkAddresses(
  purpose: Purpose,
  config: Config,
  running: readonly LockHolder[],
): Promise<readonly ConfigFinding[]> {
  const { listen, admin, kafka } = config;
  const pids = await processesOf(running);
  const checks: Promise<ConfigFinding>[] = [];
  if (purpose === 'start') checks.push(checkAddress('listen', listen, pids));
  // An archiver that reads no topic answers nobody.
  if (purpose !== 'archive' || kafka.brokers.length > 0) {
    checks.push(checkAddress('admin', admin, pids, purpose));
  }
  if (purpose === 'start') {
    // What is wrong with their directories is told by whoever looks into these.
    const workers = (await placeWorkers(config).catch(() => undefined)) ?? [];
    for (const place of workers) {
      const own = configOfWorker(config, place).admin;
      checks.push(checkAddress(`admin of worker ${place.number}`, own, pids, purpose));
    }
  }
  return Promise.all(checks);
}

/** With those that started them: of workers, the one that has their port. */
async function processesOf(running: readonly LockHolder[]): Promise<readonly number[]> {
  const own = running.filter(isHere).map(({ pid }) => pid);
  const parents = await Promise.all(own.map(parentOf));
  return [...new Set([...own, ...parents.filter((pid) => pid !== undefined)])];
}

/** `purpose`: of an admin address, which can be asked what has it. */
async function checkAddress(
  name: string,
  address: Address,
  pids: readonly number[],
  purpose?: Purpose,
): Promise<ConfigFinding> {
  const shown = `${name} ${formatAddress(address)}`;
  const server = createServer();
  try {
    server.listen(address.port, address.host);
    await once(server, 'listening');
    return { kind: 'ok', says: `${shown} is free` };
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (isTaken) return await judgeTaken(shown, address, { pids, purpose });
    const says = `${shown} cannot be had. ${hintOf(error, address.port)}`;
    return { kind: 'error', code: 'LISTEN_FAILED', says };
  } finally {
    server.close();
  }
}

async function judgeTaken(
  shown: string,
  address: Address,
  { pids, purpose }: { readonly pids: readonly number[]; readonly purpose: Purpose | undefined },
): Promise<ConfigFinding> {
  const holder = await holderOfPort(address.port, pids);
  if (holder.kind === 'process') {
    const says = `${shown} is in use by the tsdb-wal that runs with this configuration's data, process ${holder.pid}`;
    return { kind: 'ok', says };
  }
  const found = purpose === undefined ? undefined : await commandAt(address);
  if (found === 'standby' && purpose === 'standby') {
    return {
      kind: 'ok',
      says: `${shown} is in use by a tsdb-wal standby that runs; whether it is this one is not looked at`,
    };
  }
  if (holder.kind === 'unseen') {
    const says = `${shown} is in use; a tsdb-wal runs with this configuration's data, but whether that has it is seen by its user only`;
    return { kind: 'warning', says };
  }
  const by = found === undefined ? 'another program' : `another tsdb-wal, ${PROCESS[found]}`;
  return { kind: 'error', code: 'LISTEN_FAILED', says: `${shown} is in use by ${by}` };
}

const PROCESS = { start: 'a proxy', archive: 'an archiver', standby: 'a standby' } as const;

/** Which command answers at an admin address; undefined when it is none. */
async function commandAt(address: Address): Promise<Purpose | undefined> {
  const answer = await new AdminClient(formatAddress(reachedHere(address))).get('/status');
  if (answer.kind !== 'answered') return undefined;
  const { version, log, target, partitions } = fieldsOf(answer.value);
  if (typeof version !== 'string') return undefined;
  if (target !== undefined) return 'standby';
  if (partitions !== undefined) return 'archive';
  return log === undefined ? undefined : 'start';
}
