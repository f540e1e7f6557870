import cluster from 'node:cluster';
import { createServer } from 'node:net';
import { endWithStarter, tell } from '../../../src/workers/worker-messages.ts';

// A worker whose starter is killed before it has said anything.
if (cluster.isPrimary) {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.fork();
} else {
  endWithStarter();
  const starter = process.ppid;
  process.kill(starter, 'SIGKILL');
  // Nothing of the channel's end may be seen before.
  while (process.ppid === starter);
  tell({ kind: 'started' });
  createServer().listen(0, '127.0.0.1');
}
