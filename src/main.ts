#!/usr/bin/env -S MALLOC_MMAP_THRESHOLD_=131072 node --max-semi-space-size=4 --v8-pool-size=1 --enable-source-maps
import { setFlagsFromString } from 'node:v8';
import { CommanderError } from 'commander';
import { EXIT, exitCodeOf, type ExitCode } from './cli/exit-code.ts';
import { createProgram } from './cli/program.ts';
import { WalError } from './runtime/errors.ts';

// The first line keeps memory small: the young generation is read often and survived by little, and each of V8's
// helper threads keeps what one compilation needed. The C library would raise its threshold by itself, and then keep
// buffers that are free. `npm start` and the bench start Node with the same.

// Scanners are small functions over bytes. By default V8 inlines too few of them: a third of their time is calls then.
setFlagsFromString('--max-inlined-bytecode-size-cumulative=6000');

/** What the process ends with as things stand. */
let settled: ExitCode = EXIT.ok;

// Whoever reads the output may stop reading, as `head` does: that is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(settled);
});

settled = await run(process.argv);
// Wait for what was written to a pipe, then end whatever a fault may have left open.
process.stdout.write('', () => process.exit(settled));

async function run(argv: readonly string[]): Promise<ExitCode> {
  const program = createProgram((exitCode) => {
    settled = exitCode;
  });
  try {
    await program.parseAsync(argv);
    return settled;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    report(error, wantsStack(argv));
    return error instanceof WalError ? exitCodeOf(error.code) : EXIT.fault;
  }
}

function report(error: unknown, withStack: boolean): void {
  const known = error instanceof WalError ? ` ${error.code}` : '';
  console.error(`error${known}: ${error instanceof Error ? error.message : String(error)}`);
  if (error instanceof WalError && error.hint !== undefined) console.error(`hint: ${error.hint}`);
  if (withStack) console.error(error);
}

/** Read from the words themselves, since the fault may be that the configuration could not be read. */
function wantsStack(argv: readonly string[]): boolean {
  const words = argv.join(' ');
  return (
    /--log-level[ =](debug|trace)\b/.test(words) ||
    ['debug', 'trace'].includes(process.env['TSDB_WAL_LOG_LEVEL'] ?? '')
  );
}
