import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { sweep } from './stack/places.ts';

/*
 * All tests: `npm test`, or `npm test -- wal` for the files whose names hold `wal`. The unit tests first, then the
 * end-to-end tests, several files at a time; last those that nothing runs beside. What failed is said once more at the
 * end; the last line sums all runs up.
 */

/** What we read of Vitest's JSON report; `message` says why a file could not be loaded or set up. */
interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages: readonly string[];
  }[];
}

const ROOT = join(import.meta.dirname, '..');
const VITEST = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');

const filters = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'tsdb-wal-report-'));
let passed = 0;
const failed: string[] = [];
const skipped: string[] = [];

try {
  for (const project of ['unit', 'e2e', 'e2e-alone']) await run(project);
} finally {
  // An interrupted or crashed run has not ended its stack.
  await sweep();
  rmSync(directory, { recursive: true, force: true });
}

const none = passed + failed.length + skipped.length === 0;
if (none) say(`No test file matches ${filters.join(' ')}.`);
if (skipped.length > 0) say(['Skipped:', ...skipped].join('\n  '));
if (failed.length > 0) say(['Failed:', ...failed].join('\n  '));
say(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
process.exitCode = none || failed.length > 0 ? 1 : 0;

async function run(project: string): Promise<void> {
  const report = join(directory, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const options = ['--project', project, '--passWithNoTests', ...reporters];
  const args = [VITEST, 'run', ...options, ...filters];
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: environment(project) });
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  // An interrupt from the keyboard reaches Vitest too: wait for its end.
  process.on('SIGINT', ignore).on('SIGTERM', forward);
  await once(child, 'exit');
  process.off('SIGINT', ignore).off('SIGTERM', forward);
  const failedBefore = failed.length;
  for (const file of readReport(report)) count(file);
  if (child.exitCode !== 0 && failed.length === failedBefore) {
    failed.push(
      `${project}: its set-up, or an error outside of any test; its output above says which`,
    );
  }
}

function count(file: FileReport): void {
  const path = relative(ROOT, file.name);
  let fails = false;
  for (const { status, fullName, failureMessages } of file.assertionResults) {
    if (status === 'passed') passed += 1;
    else if (status !== 'failed') skipped.push(fullName);
    else {
      failed.push(failure(`${path}: ${fullName}`, failureMessages.join('\n')));
      fails = true;
    }
  }
  if (file.status === 'failed' && !fails) {
    failed.push(failure(`${path}: could not be loaded or set up`, file.message));
  }
}

/** Its name and the first lines of why, without the stack within libraries. */
function failure(name: string, why: string): string {
  const lines = stripVTControlCharacters(why).split('\n');
  const ours = lines.filter(
    (line) => !/^\s+at .*(node_modules|node:internal|<anonymous>)/u.test(line),
  );
  return [name, ...ours.slice(0, 12)].join('\n      ');
}

/** Empty when no file matched, or when the run ended before its report. */
function readReport(path: string): readonly FileReport[] {
  if (!existsSync(path)) return [];
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly testResults: readonly FileReport[];
  };
  return testResults;
}

/** Without a person's options for the proxy, which would change what the tests see. */
function environment(project: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('TSDB_WAL_') || (project !== 'unit' && name === 'TSDB_STACK_DIR'),
  );
  return Object.fromEntries(kept);
}

function ignore(): void {}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
