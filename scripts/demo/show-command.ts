import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Narrator } from './narrator.ts';
import { MAIN, ownEnvironment } from './process.ts';

/** Shows the command and what it prints. */
export async function showCommand(
  narrator: Narrator,
  args: readonly string[],
  program = process.execPath,
): Promise<number | null> {
  const shown = args.map((word) => (word === MAIN ? 'tsdb-wal' : word));
  narrator.line();
  narrator.line(`$ ${[...(program === process.execPath ? [] : [program]), ...shown].join(' ')}`);
  const child = spawn(program, args, { env: ownEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const show = async (stream: NodeJS.ReadableStream): Promise<void> => {
    for await (const line of createInterface(stream)) narrator.line(`  ${line}`);
  };
  await Promise.all([show(child.stdout), show(child.stderr)]);
  const [code] = await exited;
  narrator.line();
  return code;
}
