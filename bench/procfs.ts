import { readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';

/** What Linux tells about a process: its CPU time, its memory, and who holds a port. */
const TICKS_PER_SECOND = 100;
const KIB_PER_MIB = 1024;
const LISTEN = '0A';
const ESTABLISHED = '01';

/** User and system time of all threads, and of children that have ended and were waited for. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0);
  return ticks / TICKS_PER_SECOND;
}

/** The processes that it started and that still run. */
export function childPids(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
}

export interface Memory {
  readonly nowMiB: number;
  readonly peakMiB: number;
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / KIB_PER_MIB;
  return { nowMiB: read('VmRSS'), peakMiB: read('VmHWM') };
}

/** Sets the peak back to the present size; where the kernel forbids it the peak is that of the whole run. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false; // No permission: the caller reports a peak since the start, which is never too low.
  }
}

/**
 * The process that listens on `port`, and those on this machine it has connections to: for an OpenTSDB that is
 * the TSD and its HBase. Its clients are not among them: their connections end at `port`.
 */
export function databasePids(port: number): readonly number[] {
  const sockets = allSockets();
  const owners = socketOwners();
  const listener = (wanted: number): number | undefined => listenerOf(wanted, sockets, owners);
  const server = listener(port);
  if (server === undefined) return [];
  const upstream = sockets
    .filter((one) => one.state === ESTABLISHED && owners.get(one.inode) === server)
    .filter((one) => one.localPort !== port)
    .map((one) => listener(one.remotePort));
  return [...new Set([server, ...upstream.filter((pid) => pid !== undefined)])];
}

/** The process that listens on `port` of this machine. */
export function listenerPid(port: number): number | undefined {
  return listenerOf(port, allSockets(), socketOwners());
}

function listenerOf(
  port: number,
  sockets: readonly Socket[],
  owners: ReadonlyMap<string, number>,
): number | undefined {
  const socket = sockets.find((one) => one.state === LISTEN && one.localPort === port);
  return socket && owners.get(socket.inode);
}

function allSockets(): readonly Socket[] {
  return [...readSockets('/proc/net/tcp'), ...readSockets('/proc/net/tcp6')];
}

interface Socket {
  readonly localPort: number;
  readonly remotePort: number;
  readonly state: string;
  readonly inode: string;
}

function readSockets(path: string): readonly Socket[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .map((field) => ({
      localPort: portOf(field[1]),
      remotePort: portOf(field[2]),
      state: field[3] ?? '',
      inode: field[9] ?? '',
    }));
}

/** `0100007F:7A69`: the port follows the colon, in hexadecimal. */
function portOf(address = ''): number {
  return Number.parseInt(address.slice(address.indexOf(':') + 1), 16);
}

function socketOwners(): ReadonlyMap<string, number> {
  const owners = new Map<string, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const inode of socketInodes(pid)) owners.set(inode, Number(pid));
  }
  return owners;
}

function socketInodes(pid: string): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return []; // The process ended meanwhile, or belongs to someone else.
  }
}
