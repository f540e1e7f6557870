import { BenchError } from './processes.ts';

export function say(text: string): void {
  process.stdout.write(text);
}

/** Runs a bench as a program: its result is the exit code; 2 when it could not run, which is told on stderr. */
export async function runProgram(run: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exitCode = 2;
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof BenchError)) return error.stack ?? error.message;
  return error.cause instanceof Error ? `${error.message}\n${error.cause.message}` : error.message;
}
