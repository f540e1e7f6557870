import { once } from 'node:events';
import { access, constants, mkdtemp, rmdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { formatAddress, type Address } from '../config/address.ts';
import { formatConfig } from '../config/format.ts';
import type { Config } from '../config/options.ts';
import type { ErrorCode } from '../runtime/errors.ts';
import { EXIT, type ExitCode } from './exit-code.ts';

const LIMITS = { primaryTimeoutMs: 3_000 } as const;

type Finding =
  | { readonly kind: 'ok' | 'warning'; readonly says: string }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly says: string };

/** Prints the configuration in effect on stdout, and on stderr whether the proxy could start with it here and now. */
export async function checkConfig(config: Config, form: 'yaml' | 'json'): Promise<ExitCode> {
  process.stdout.write(formatConfig(config, form));
  const findings = await Promise.all([
    checkAddress('listen', config.listen),
    checkAddress('admin', config.admin),
    checkData(config.data),
    checkPrimary(config.primary),
  ]);
  for (const finding of findings) console.error(formatFinding(finding));
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
    const says = `${shown} cannot be had: ${messageOf(error)}`;
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

async function nearestExisting(path: string): Promise<string> {
  try {
    await access(path, constants.F_OK);
    return path;
  } catch (error) {
    if (!isMissing(error) || dirname(path) === path) throw error;
    return nearestExisting(dirname(path));
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
