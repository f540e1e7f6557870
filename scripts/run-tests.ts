import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sweep } from './stack/places.ts';

/*
 * All tests: `npm test`, or `npm test -- wal` for the files whose names hold `wal`. The unit tests first, then the
 * end-to-end tests, two files at a time or more; last those that nothing runs beside. The last line sums all runs up.
 */

interface FileReport {
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
}

const VITEST = join(import.meta.dirname, '..', 'node_modules', 'vitest', 'vitest.mjs');

const filters = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'tsdb-wal-report-'));
const total = { passed: 0, failed: 0 };
const skipped: string[] = [];

try {
  for (const project of ['unit', 'e2e', 'e2e-alone']) await run(project);
} finally {
  // An interrupted or crashed run has not ended its stack.
  await sweep();
  rmSync(directory, { recursive: true, force: true });
}

const none = total.passed + total.failed + skipped.length === 0;
if (none) say(`No test file matches ${filters.join(' ')}.`);
if (skipped.length > 0) say(['Skipped:', ...skipped].join('\n  '));
say(`${total.passed} passed, ${total.failed} failed, ${skipped.length} skipped`);
process.exitCode = none || total.failed > 0 ? 1 : 0;

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
  const failedBefore = total.failed;
  for (const file of readReport(report)) count(file);
  // A set-up that failed, or an error outside of any test.
  if (child.exitCode !== 0 && total.failed === failedBefore) total.failed += 1;
}

function count(file: FileReport): void {
  let fails = false;
  for (const { status, fullName } of file.assertionResults) {
    if (status === 'passed') total.passed += 1;
    else if (status !== 'failed') skipped.push(fullName);
    else {
      total.failed += 1;
      fails = true;
    }
  }
  // A file that could not be loaded, or whose set-up failed.
  if (file.status === 'failed' && !fails) total.failed += 1;
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
