import { once } from 'node:events';
import { access, constants, mkdtemp, rmdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { readArchiveHome } from '../archive/archive-home.ts';
import { findRepository } from '../archive/repository.ts';
import { formatAddress, type Address } from '../config/address.ts';
import { formatConfig } from '../config/format.ts';
import type { Config } from '../config/options.ts';
import { PrimaryChoice } from '../follow/primary-choice.ts';
import { KafkaConnection } from '../kafka/connection.ts';
import { checkTopic } from '../kafka/topic-check.ts';
import { systemClock } from '../runtime/clock.ts';
import { type ErrorCode, WalError } from '../runtime/errors.ts';
import { FileStore } from '../storage/file-store.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { configOfWorker, placeWorkers } from './workers/worker-places.ts';

const LIMITS = { primaryTimeoutMs: 3_000, repositoryTimeoutMs: 3_000 } as const;

const SILENT = 'does not answer: is its server gone?';

type Finding =
  | { readonly kind: 'ok' | 'warning'; readonly says: string }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly says: string };

/** Prints the configuration in effect on stdout, and on stderr whether the proxy could start with it here and now. */
export async function checkConfig(config: Config, form: 'yaml' | 'json'): Promise<ExitCode> {
  process.stdout.write(formatConfig(config, form));
  const found = await Promise.all([
    checkAddress('listen', config.listen),
    checkAddress('admin', config.admin),
    checkData(config.data),
    checkRepository(config),
    checkPrimary(config.primary),
    checkChoices(config),
    checkKafka(config),
  ]);
  const findings = found.flat().filter((finding) => finding !== undefined);
  for (const finding of findings) console.error(formatFinding(finding));
  // Whoever waits for a share whose server is gone can't exit in order.
  if (findings.some(({ says }) => says.endsWith(SILENT))) process.kill(process.pid, 'SIGKILL');
  return findings.some(({ kind }) => kind === 'error') ? EXIT.fault : EXIT.ok;
}

function formatFinding(finding: Finding): string {
  const code = finding.kind === 'error' ? ` ${finding.code}` : '';
  return `${finding.kind}${code}: ${finding.says}`;
}

async function checkAddress(name: string, address: Address): Promise<Finding> {
  const shown = `${name} ${formatAddress(address)}`;
  const server = createServer();
  try {
    server.listen(address.port, address.host);
    await once(server, 'listening');
    return { kind: 'ok', says: `${shown} is free` };
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const advice = isTaken ? '; the proxy itself has it while it runs' : '';
    const says = `${shown} cannot be had: ${messageOf(error)}${advice}`;
    return { kind: 'error', code: 'LISTEN_FAILED', says };
  } finally {
    server.close();
  }
}

/** Creates nothing that stays: a directory that is not there is judged by the nearest one above that is. */
async function checkData(data: string): Promise<Finding> {
  try {
    const existing = await nearestExisting(data);
    await rmdir(await mkdtemp(join(existing, '.tsdb-wal-check-')));
    const state = existing === data ? 'can be written' : 'will be created';
    return { kind: 'ok', says: `data ${data} ${state}` };
  } catch (error) {
    const says = `data ${data} cannot be used: ${messageOf(error)}`;
    return { kind: 'error', code: 'DATA_UNUSABLE', says };
  }
}

/** Leaves nothing behind but the folder itself. */
async function checkRepository(config: Config): Promise<Finding> {
  const shown = `repository ${config.repository}`;
  if (config.archive === 'off') return { kind: 'warning', says: saysUnarchived(config) };
  const says = `${shown} ${SILENT}`;
  const timeout: Finding = { kind: 'error', code: 'REPOSITORY_UNUSABLE', says };
  const late = new AbortController();
  try {
    return await Promise.race([
      lookAtRepository(config, shown),
      systemClock.sleep(LIMITS.repositoryTimeoutMs, late.signal).then(() => timeout),
    ]);
  } catch (error) {
    const code = error instanceof WalError ? error.code : 'REPOSITORY_UNUSABLE';
    return { kind: 'error', code, says: `${shown} cannot be used: ${messageOf(error)}` };
  } finally {
    late.abort();
  }
}

function saysUnarchived({ kafka }: Config): string {
  return kafka.brokers.length === 0
    ? 'archive is off: there is nothing to restore from'
    : 'archive is off: there is only the topic to restore from, unless `tsdb-wal archive --kafka` archives it';
}

async function lookAtRepository({ data, repository }: Config, shown: string): Promise<Finding> {
  const home = await readArchiveHome(data);
  const existing = await nearestExisting(repository);
  const store = new FileStore(existing);
  await store.probe();
  const found = await findRepository(repository);
  if (found === undefined && home?.place === repository) {
    const says = `repository ${home.repository} is gone from ${repository}: is it mounted?`;
    return { kind: 'error', code: 'REPOSITORY_MISSING', says };
  }
  if (found === undefined) return { kind: 'ok', says: `${shown} will be created` };
  return home === undefined || home.repository === found.id
    ? { kind: 'ok', says: `${shown} can be written: id ${found.id}` }
    : {
        kind: 'warning',
        says: `${shown} is another one (${found.id}) than this directory was archived to (${home.repository} at ${home.place}): history would begin anew`,
      };
}

async function nearestExisting(path: string): Promise<string> {
  try {
    await access(path, constants.F_OK);
    return path;
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) throw error;
    return nearestExisting(dirname(path));
  }
}

/** Of the data directory, or those of the workers; what several tell is told once. */
async function checkChoices(config: Config): Promise<readonly Finding[]> {
  try {
    const places = await placeWorkers(config);
    const configs = places?.map((place) => configOfWorker(config, place)) ?? [config];
    const found = await Promise.all(configs.map(checkChoice));
    const findings = found.filter((finding) => finding !== undefined);
    return [...new Map(findings.map((finding) => [finding.says, finding])).values()];
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    const { code, message, hint } = error;
    return [{ kind: 'error', code, says: `${message}. ${hint}` }];
  }
}

/** What a switch of the primary has left in a data directory. */
async function checkChoice({ data, primary }: Config): Promise<Finding | undefined> {
  try {
    const chosen = await PrimaryChoice.look(data, primary);
    if (chosen === undefined) return undefined;
    const says = `primary ${primary} would not be fed: since a switch it is ${chosen}; change it`;
    return { kind: 'warning', says };
  } catch (error) {
    const code = error instanceof WalError ? error.code : 'DATA_UNUSABLE';
    return { kind: 'error', code, says: messageOf(error) };
  }
}

async function checkPrimary(primary: string): Promise<Finding> {
  const shown = `primary ${primary}`;
  try {
    const signal = AbortSignal.timeout(LIMITS.primaryTimeoutMs);
    const response = await fetch(`${primary}/api/version`, { signal });
    const version = parseVersion(await response.text());
    return version === undefined
      ? { kind: 'warning', says: `${shown} answers ${response.status}, but not as OpenTSDB does` }
      : { kind: 'ok', says: `${shown} answers: OpenTSDB ${version}` };
  } catch (error) {
    const says = `${shown} does not answer (${messageOf(error)}): writes would be kept for it`;
    return { kind: 'warning', says };
  }
}

/** Makes no topic. */
async function checkKafka(config: Config): Promise<Finding | undefined> {
  const { brokers, topic } = config.kafka;
  if (brokers.length === 0) return undefined;
  const shown = `kafka ${brokers.join()}`;
  try {
    const connection = await KafkaConnection.open(config.kafka);
    const { told, warnings, failure } = await checkTopic(connection, { ...topic, create: false });
    if (failure?.isLasting === true) {
      return { kind: 'error', code: 'CONFIG_INVALID', says: `${shown}: ${failure.says}` };
    }
    if (failure !== undefined) {
      const says = `${shown} cannot be asked (${failure.says}): writes would be kept for it`;
      return { kind: 'warning', says };
    }
    const kind = warnings.length > 0 ? 'warning' : 'ok';
    return { kind, says: `${shown}: ${[...told, ...warnings].join('; ')}` };
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    const { code, message, hint } = error;
    if (code === 'TOPIC_MISSING' && topic.create) {
      return { kind: 'ok', says: `${shown}: the topic ${topic.name} will be made` };
    }
    return { kind: 'error', code, says: `${shown}: ${message}. ${hint}` };
  }
}

function parseVersion(body: string): string | undefined {
  return /"version":"([^"]+)"/.exec(body)?.[1];
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** fetch hides what happened in its cause. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : error.message;
}
