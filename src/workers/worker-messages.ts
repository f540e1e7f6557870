import cluster from 'node:cluster';

/** What a worker tells the process that started it. */
export type FromWorker =
  /** It takes writes, or drains. */
  | { readonly kind: 'started' }
  /** Its log holds nothing any more that is not delivered, confirmed and in the topic. */
  | { readonly kind: 'drained' };

const NUMBER = 'WORKER_OF_TSDB_WAL';

/** The environment that a worker is started with. */
export function environmentOf(number: number): Record<string, string> {
  return { [NUMBER]: String(number) };
}

/** Which worker this process is; undefined when it is none. */
export function ownNumber(): number | undefined {
  const text = process.env[NUMBER];
  return text === undefined || process.send === undefined ? undefined : Number(text);
}

export function tell(message: FromWorker): void {
  process.send?.(message);
}

/**
 * Call before anything is told or listened to. When the process that started this one is gone, Node ends this one as it sees the channel's end;
 * what it has to say until then, as where it listens, can't be said, and is no fault of its own.
 */
export function endWithStarter(): void {
  cluster.worker?.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_IPC_CHANNEL_CLOSED') throw error;
  });
}
