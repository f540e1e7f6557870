import type { Config } from '../../config/options.ts';
import { formatConfig } from '../../config/format.ts';
import { lookFormer } from '../../follow/former-primary.ts';
import { tellMisnamed } from '../../follow/choice.ts';
import { PrimaryChoice } from '../../follow/primary-choice.ts';
import { lookFormerTopic } from '../../kafka/former-topic.ts';
import { explain, WalError } from '../../runtime/errors.ts';
import { Cursor } from '../../wal/cursor.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { tellFormer, tellFormerTopic, topicOf } from '../../proxy/elsewhere.ts';
import { configOfWorker, placeWorkers } from '../../workers/worker-places.ts';
import { checkAddresses } from './check-addresses.ts';
import { checkData } from './check-data.ts';
import { checkKafka } from './check-kafka.ts';
import { readKept } from './check-kept.ts';
import { checkRepository } from './check-repository.ts';
import { checkTerm, termsSaid } from './check-term.ts';
import { type ConfigFinding, formatFinding, messageOf, type Purpose } from './finding.ts';
import { runningWith } from './running.ts';

const PRIMARY_TIMEOUT_MS = 3_000;

/**
 * Prints the configuration in effect on stdout, and on stderr whether the command that it is for could start with it here and now, or
 * runs with it already.
 */
export async function checkConfig(
  config: Config,
  { purpose, form }: { readonly purpose: Purpose; readonly form: 'yaml' | 'json' },
): Promise<ExitCode> {
  process.stdout.write(formatConfig(config, form));
  const running = await runningWith(purpose, config);
  const isStart = purpose === 'start';
  const found = await Promise.all([
    checkAddresses(purpose, config, running),
    checkData(purpose, config, running),
    checkRepository(purpose, config),
    isStart ? checkPrimary(config.primary) : undefined,
    isStart ? checkChoices(config) : undefined,
    checkKafka(purpose, config),
  ]);
  const findings = found.flat().filter((finding) => finding !== undefined);
  for (const finding of findings) console.error(formatFinding(finding));
  if (findings.some((finding) => finding.kind === 'error' && finding.isStuck))
    process.kill(process.pid, 'SIGKILL');
  return findings.some(({ kind }) => kind === 'error') ? EXIT.fault : EXIT.ok;
}

/** What is kept of former decisions, in the data directory, or those of the workers; what several tell is told once. */
async function checkChoices(config: Config): Promise<readonly ConfigFinding[]> {
  try {
    const places = await placeWorkers(config);
    const configs = places?.map((place) => configOfWorker(config, place)) ?? [config];
    const said = await termsSaid(config);
    const checks: Promise<ConfigFinding | undefined | void>[] = [
      ...configs.map(checkFormerTopic),
      ...configs.map(checkChoice),
      ...configs.map((one) => checkTerm(one, said)),
      ...configs.flatMap(readKept),
    ];
    const found = await Promise.all(checks.map((check) => check.catch(faultOf)));
    const findings = found.flatMap((finding) => finding ?? []);
    return [...new Map(findings.map((finding) => [finding.says, finding])).values()];
  } catch (error) {
    if (!(error instanceof WalError)) throw error;
    return [faultOf(error)];
  }
}

function faultOf(error: unknown): ConfigFinding {
  const code = error instanceof WalError ? error.code : 'DATA_UNUSABLE';
  return { kind: 'error', code, says: explain(error) };
}

/** What a switch of the primary has left in a data directory. */
async function checkChoice({ data, primary }: Config): Promise<ConfigFinding | undefined> {
  const { misnamed } = await PrimaryChoice.look(data, primary);
  if (misnamed === undefined) return checkFormer(data, primary);
  const says = `primary ${primary} would not be fed: ${tellMisnamed(misnamed)}`;
  return { kind: 'warning', says };
}

async function checkFormer(data: string, primary: string): Promise<ConfigFinding | undefined> {
  if (!(await Cursor.isThere(data, 'primary'))) return undefined;
  const cursor = await Cursor.open(data, 'primary');
  const { origin } = new URL(primary);
  const former = await lookFormer(data, origin, { cursor, now: Date.now() });
  return former && { kind: 'warning', says: tellFormer(former, origin, data) };
}

/** Whether the log of a data directory would go to another topic than before, or to none. */
async function checkFormerTopic(config: Config): Promise<ConfigFinding | undefined> {
  const former = await lookFormerTopic(config.data, topicOf(config));
  return former && { kind: 'warning', says: tellFormerTopic(former, config) };
}

async function checkPrimary(primary: string): Promise<ConfigFinding> {
  const shown = `primary ${primary}`;
  try {
    const signal = AbortSignal.timeout(PRIMARY_TIMEOUT_MS);
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
