import { createRequire } from 'node:module';

/** The requests on one connection of kafkajs 2.2.4, which is pinned. */
interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly inflight: ReadonlyMap<number, SocketRequest>;
  readonly isConnected: () => boolean;
  scheduleCheckPendingRequests(this: RequestQueue): void;
  scheduleRequestTimeoutCheck(this: RequestQueue): void;
}

interface SocketRequest {
  /** Epoch ms. */
  readonly sentAt: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

/** A request is given up at most so much later than it should be. */
const LOOK_MS = 500;

/** Those of connections that are open. */
const open = new Set<RequestQueue>();
let timer: NodeJS.Timeout | undefined;

/**
 * kafkajs looks every millisecond whether requests are waiting, on each idle connection: 5 % of a core. With this it looks only
 * while some are. It also looks every 100 ms whether one has taken too long, with a timer for each connection, of which a standby
 * has two for each partition: here one timer looks at all of them. Throws when the version is another one and has no such methods.
 */
export function calmRequestQueues(): void {
  const require = createRequire(import.meta.url);
  const queue = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
  const schedule: unknown = Reflect.get(queue.prototype, 'scheduleCheckPendingRequests');
  const isKnown = typeof Reflect.get(queue.prototype, 'scheduleRequestTimeoutCheck') === 'function';
  if (typeof schedule !== 'function' || !isKnown)
    throw new Error('this version of kafkajs looks otherwise');
  queue.prototype.scheduleCheckPendingRequests = function calm(this: RequestQueue) {
    if (this.pending.length > 0) Reflect.apply(schedule, this, []);
  };
  queue.prototype.scheduleRequestTimeoutCheck = lookForTimeouts;
}

function lookForTimeouts(this: RequestQueue): void {
  open.add(this);
  // A connection that is open keeps the process, which needs no timer for that.
  timer ??= setInterval(giveUpLate, LOOK_MS).unref();
}

function giveUpLate(): void {
  const nowMs = Date.now();
  for (const queue of open) {
    for (const request of queue.inflight.values()) {
      if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
    }
    if (!queue.isConnected()) open.delete(queue);
  }
  if (open.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}
