import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { tempDirectory } from '../kit/temp.ts';
import { readLog, TestLog } from '../kit/wal-log.ts';

const ROUNDS = 20;
const appender = fileURLToPath(new URL('../kit/wal-appender.ts', import.meta.url));

/** What a process said to be durable before it was killed `afterMs` after its first word. */
async function appendAndKill(directory: string, seed: number, afterMs: number): Promise<string[]> {
  const node = ['--import', 'tsx', appender, directory, String(seed)];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (said += text));
  await once(child.stdout, 'data');
  await sleep(afterMs);
  child.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
  return said.slice(0, said.lastIndexOf('\n')).split('\n');
}

test('kill -9 at any moment loses no record that was said to be durable, and leaves no hole', async () => {
  await using folder = await tempDirectory('kill');
  for (let round = 0; round < ROUNDS; round += 1) {
    const directory = `${folder.path}/${round % 4}`;
    const said = await appendAndKill(directory, round + 1, Math.random() * 150);
    const [lane = '', reported = ''] = said.at(-1)?.split('/') ?? [];
    const log = await TestLog.open(directory);
    const { entries, holes } = await readLog(log.wal);
    expect(log.wal.recovered.holes).toEqual([]);
    expect(holes).toEqual([]);
    const found = entries.filter(({ position }) => position.lane === lane);
    expect(found.map(({ position }) => position.seq)).toEqual(found.map((_, index) => index + 1));
    expect(found.length).toBeGreaterThanOrEqual(Number(reported));
    expect(log.wal.recovered.end).toMatchObject({ lane, lastSeq: found.length, closed: false });
    for (const { position, lines } of found.slice(1)) {
      expect(lines[0]).toMatch(new RegExp(`^put m ${position.seq} 1 a=x*$`));
    }
    await log.wal.close();
  }
});
