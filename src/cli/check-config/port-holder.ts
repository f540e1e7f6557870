import { access, constants, readdir, readFile, readlink } from 'node:fs/promises';

/** Of some processes: the one that listens on a port; none of them; or it can't be seen, as of processes of other users. */
export type PortHolder =
  | { readonly kind: 'process'; readonly pid: number }
  | { readonly kind: 'none' | 'unseen' };

/** Looks at this machine's own sockets, as Linux shows them. Never rejects. */
export async function holderOfPort(port: number, pids: readonly number[]): Promise<PortHolder> {
  let isUnseen = false;
  for (const pid of pids) {
    try {
      const inodes = await listeningOn(pid, port);
      const files = await readdir(`/proc/${pid}/fd`);
      for (const file of files) {
        const link = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
        if (inodes.has(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')) return { kind: 'process', pid };
      }
    } catch {
      isUnseen = true;
    }
  }
  return { kind: isUnseen ? 'unseen' : 'none' };
}

/** The process that started another one; undefined when that isn't known, or is of a user whose files can't be seen. */
export async function parentOf(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // After the command's closing parenthesis, since a command may hold spaces: the state, then the parent.
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  if (!(parent > 1)) return undefined;
  return access(`/proc/${parent}/fd`, constants.R_OK).then(
    () => parent,
    () => undefined,
  );
}

const LISTENING = '0A';

/** The sockets that listen on a port, where this process is. Rejects when none can be seen. */
async function listeningOn(pid: number, port: number): Promise<ReadonlySet<string>> {
  const tables = await Promise.all([
    readFile(`/proc/${pid}/net/tcp`, 'latin1'),
    readFile(`/proc/${pid}/net/tcp6`, 'latin1').catch(() => ''),
  ]);
  const inodes = new Set<string>();
  for (const row of tables.join('\n').split('\n')) {
    const fields = row.trim().split(/\s+/);
    const [, local = '', , state] = fields;
    const isOurs =
      state === LISTENING && parseInt(local.slice(local.lastIndexOf(':') + 1), 16) === port;
    if (isOurs) inodes.add(fields[9] ?? '');
  }
  return inodes;
}
