import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { giveWay } from '../../../src/archive/process/give-way.ts';

/** The first thread, and those of Node's own, stand for those of an archiver. */
const child = spawn(process.execPath, [
  '-e',
  'process.stdout.write("!"); setInterval(() => {}, 1e9)',
]);

afterEach(() => child.kill());

const SCHED_IDLE = 5;

/** Nice value and class of each thread: fields 19 and 41 of proc_pid_stat(5), counted from 1. */
function threadsOf(pid: number): { readonly nice: number; readonly policy: number }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const behindName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { nice: Number(behindName[16]), policy: Number(behindName[38]) };
  });
}

test.runIf(process.platform === 'linux')(
  'a process that gives way has all its threads at the lowest priority, and in the idle class',
  async () => {
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    await giveWay('low', pid);
    expect(threadsOf(pid).length).toBeGreaterThan(1);
    for (const { nice, policy } of threadsOf(pid)) {
      expect(nice).toBe(19);
      expect(policy).not.toBe(SCHED_IDLE);
    }
    expect(await giveWay('idle', pid)).toBeUndefined();
    for (const { policy } of threadsOf(pid)) expect(policy).toBe(SCHED_IDLE);
  },
);
