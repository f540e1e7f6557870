import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Claims } from './claims.ts';

const run = promisify(execFile);

export type Part = 'kafka' | 'hbase' | 'opentsdb';

/** Pinned, so that Maven need not ask which version is the newest. */
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies';

const LIMITS = { fetchMsMax: 20 * 60_000, attemptsMax: 2, javaVersionMin: 17 } as const;

/** Holds the jars, shared by every stack, and the directories of the stacks. */
export function stackRoot(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return process.env['TSDB_STACK_DIR'] ?? join(cache, 'tsdb-wal', 'stack');
}

export function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
}

/** Why the stack cannot run on this machine, in words for a person; undefined when it can. */
export async function missingTools(): Promise<string | undefined> {
  const java = await run(javaCommand(), ['-version']).catch(() => undefined);
  if (java === undefined) return 'Java 17 or later is not installed';
  const version = Number.parseInt(/version "(\d+)/.exec(java.stderr)?.[1] ?? '0', 10);
  if (version < LIMITS.javaVersionMin) return `Java is version ${version}, not 17 or later`;
  // The two helper servers are started from their sources.
  if (!(await run(javaCommand(), ['--list-modules'])).stdout.includes('jdk.compiler')) {
    return 'Java has no compiler: a JDK is needed, not a JRE';
  }
  const maven = await run('mvn', ['-version']).catch(() => undefined);
  return maven === undefined ? 'Maven is not installed' : undefined;
}

/**
 * The directories of the parts' jars; Maven fetches what is not there, for one process at a time, as its own store of jars wants it. A
 * directory appears whole or not at all.
 */
export async function fetchJars(parts: readonly Part[]): Promise<Record<Part, string>> {
  const directories: Record<Part, string> = {
    kafka: await jarDirectory('kafka'),
    hbase: await jarDirectory('hbase'),
    opentsdb: await jarDirectory('opentsdb'),
  };
  const missing = (): readonly Part[] => parts.filter((part) => !existsSync(directories[part]));
  if (missing().length > 0) {
    const fetching = new Claims(join(stackRoot(), 'fetching'));
    const waitMsMax = LIMITS.attemptsMax * LIMITS.fetchMsMax;
    await fetching.inTurn('jars', waitMsMax, () => fetchMissing(missing(), directories));
  }
  return directories;
}

async function jarDirectory(part: Part): Promise<string> {
  const digest = createHash('sha256').update(await readFile(pomFile(`pom-${part}.xml`)));
  return join(stackRoot(), 'jars', `${part}-${digest.digest('hex').slice(0, 12)}`);
}

async function fetchMissing(
  parts: readonly Part[],
  into: Readonly<Record<Part, string>>,
): Promise<void> {
  // Another process was first.
  if (parts.length === 0) return;
  const jars = join(stackRoot(), 'jars');
  await mkdir(jars, { recursive: true });
  const build = await mkdtemp(join(jars, 'fetch-'));
  try {
    await cp(pomFile('pom.xml'), join(build, 'pom.xml'));
    for (const part of ['kafka', 'hbase', 'opentsdb']) {
      await mkdir(join(build, part));
      await cp(pomFile(`pom-${part}.xml`), join(build, part, 'pom.xml'));
    }
    await runMaven(build, ['-pl', parts.join(','), COPY, '-DincludeScope=runtime']);
    for (const part of parts) {
      await rename(join(build, part, 'target', 'dependency'), into[part]);
    }
  } finally {
    await rm(build, { recursive: true, force: true });
  }
}

async function runMaven(directory: string, args: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run('mvn', ['-q', '-B', ...args], { cwd: directory, timeout: LIMITS.fetchMsMax });
      return;
    } catch (cause) {
      if (attempt < LIMITS.attemptsMax) continue;
      const output = cause instanceof Error && 'stdout' in cause ? String(cause.stdout) : '';
      const reason = output.split('\n').find((line) => line.startsWith('[ERROR]'));
      throw new Error(`Maven could not fetch the jars: ${reason ?? String(cause)}`, { cause });
    }
  }
}

function pomFile(name: string): string {
  return join(import.meta.dirname, name);
}
