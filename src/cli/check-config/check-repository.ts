import { readArchiveHome } from '../../archive/write/archive-home.ts';
import { formerHome } from '../../archive/write/former-home.ts';
import { findRepository } from '../../archive/repository.ts';
import type { Config } from '../../config/options.ts';
import { systemClock } from '../../runtime/clock.ts';
import { explain, WalError } from '../../runtime/errors.ts';
import { FileStore } from '../../storage/file-store.ts';
import { nearestExisting } from './check-data.ts';
import { type ConfigFinding, messageOf, type Purpose } from './finding.ts';

const TIMEOUT_MS = 3_000;

/** Whether it can be archived to. Leaves nothing behind but the folder itself. */
export async function checkRepository(
  purpose: Purpose,
  config: Config,
): Promise<ConfigFinding | undefined> {
  // What a standby begins with is named by its flag only.
  if (purpose === 'standby') return undefined;
  if (purpose === 'start' && config.archive === 'off') {
    return { kind: 'warning', says: saysUnarchived(config) };
  }
  const shown = `repository ${config.repository}`;
  const timeout: ConfigFinding = {
    kind: 'error',
    code: 'REPOSITORY_UNUSABLE',
    says: `${shown} does not answer: is its server gone?`,
    isStuck: true,
  };
  const late = new AbortController();
  try {
    return await Promise.race([
      look(config, shown),
      systemClock.sleep(TIMEOUT_MS, late.signal).then(() => timeout),
    ]);
  } catch (error) {
    if (error instanceof WalError) return { kind: 'error', code: error.code, says: explain(error) };
    const says = `${shown} cannot be used: ${messageOf(error)}`;
    return { kind: 'error', code: 'REPOSITORY_UNUSABLE', says };
  } finally {
    late.abort();
  }
}

function saysUnarchived({ kafka }: Config): string {
  return kafka.brokers.length === 0
    ? 'archive is off: there is nothing to restore from'
    : 'archive is off: there is only the topic to restore from, unless `tsdb-wal archive --kafka` archives it';
}

async function look({ data, repository }: Config, shown: string): Promise<ConfigFinding> {
  const home = await readArchiveHome(data);
  const existing = await nearestExisting(repository);
  const store = new FileStore(existing);
  await store.probe();
  const found = await findRepository(repository);
  if (found === undefined && home?.place === repository) {
    const says = `repository ${home.repository} is gone from ${repository}: is it mounted?`;
    return { kind: 'error', code: 'REPOSITORY_MISSING', says };
  }
  const former = (await formerHome(data).read()) ?? home;
  if (former !== undefined && former.repository !== found?.id) {
    const other =
      found === undefined ? 'will be created, and is another one' : `is another one (${found.id})`;
    return {
      kind: 'warning',
      says: `${shown} ${other} than this directory was archived to (${former.repository} at ${former.place}): history begins anew there`,
    };
  }
  if (found === undefined) return { kind: 'ok', says: `${shown} will be created` };
  return { kind: 'ok', says: `${shown} can be written: id ${found.id}` };
}
