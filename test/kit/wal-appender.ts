import { Wal } from '../../src/wal/log.ts';
import { systemClock } from '../../src/runtime/clock.ts';

/**
 * Run as a process of its own: appends to the log in the folder given as fast as it can, and says on stdout
 * `<lane>/<seq>` for each frame that became durable. Line `n` of a lane's data is `put m <seq> 1 a=x…`.
 */
const [directory = '', seed = '1'] = process.argv.slice(2);
let random = Number(seed);
const nextRandom = (): number => (random = (random * 48_271) % 2_147_483_647);

const wal = await Wal.open({
  directory,
  clock: systemClock,
  version: '0.0.0',
  segmentBytes: 256 * 1024,
  memoryBytes: 2 * 1024 * 1024,
  bytesMax: Number.MAX_SAFE_INTEGER,
  freeBytesMin: 0,
  retentionMs: 3_600_000,
  events: {
    durable: ({ lane, lastSeq }) => process.stdout.write(`${lane}/${lastSeq}\n`),
    lost: () => process.exit(2),
    opened: () => undefined,
    refusing: () => undefined,
  },
});

let seq = 2;
const appendSome = (): void => {
  for (let count = nextRandom() % 20; count >= 0; count -= 1) {
    const line = `put m ${seq} 1 a=${'x'.repeat(nextRandom() % 2_000)}\n`;
    const position = wal.append('http', '-', Buffer.from(line), 1);
    if (position === undefined) break;
    seq = position.seq + 1;
  }
  if (nextRandom() % 3 === 0) setTimeout(appendSome, nextRandom() % 5);
  else setImmediate(appendSome);
};
appendSome();
