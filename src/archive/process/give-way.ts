import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { promisify } from 'node:util';

const CHRT_MS_MAX = 10_000;

/**
 * Leaves the processors to whatever takes writes: what a process that archives has to do waits in the log. Threads that it starts later
 * have it from those that it has now.
 *
 * `low` is the lowest nice value. Since 6.6 Linux lets a thread run on for some milliseconds all the same when one of more weight wakes up;
 * only what is of the idle class is put off at once. Node can't set that class, chrt of util-linux can. Without privileges there is no
 * way back from it. Resolves to why the idle class could not be had: `low` is what remains then.
 */
export async function giveWay(
  priority: 'idle' | 'low',
  pid = process.pid,
): Promise<string | undefined> {
  const isLinux = process.platform === 'linux';
  // There, priority is a thread's own.
  const threads = isLinux ? readdirSync(`/proc/${pid}/task`).map(Number) : [pid];
  for (const thread of threads) setPriority(thread, constants.priority.PRIORITY_LOW);
  if (priority === 'low' || !isLinux) return undefined;
  const options = ['--all-tasks', '--idle', '--pid', '0', String(pid)];
  try {
    await promisify(execFile)('chrt', options, { timeout: CHRT_MS_MAX });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
