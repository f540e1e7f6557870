import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/**
 * Process ids are used again, so a process is known by its id and its start time together.
 * A zombie counts as gone: in a container nobody may ever reap it.
 */
export function identify(pid: number): string | undefined {
  const startedAt = existsSync('/proc/self/stat') ? fromProc(pid) : fromPs(pid);
  return startedAt === undefined ? undefined : `${pid} ${startedAt}`;
}

/** True while the very process that `identify` named is there. */
export function isRunning(identity: string): boolean {
  return identify(pidOf(identity)) === identity;
}

export function pidOf(identity: string): number {
  return Number.parseInt(identity, 10);
}

function fromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name, in parentheses, may hold anything; the state follows it, the start time is 19 further on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): string | undefined {
  try {
    const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } } as const;
    const [state, ...started] = execFileSync(
      'ps',
      ['-o', 'state=,lstart=', '-p', `${pid}`],
      options,
    )
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith('Z') ? undefined : started.join('-');
  } catch {
    return undefined;
  }
}
