import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../test/kit/ports.ts';
import { delivered, generate, nullSink, settle, subjectOf } from './measure.ts';
import type { Sample } from './measure.ts';
import { startProxy, startSink } from './processes.ts';
import type { Running, Tools } from './processes.ts';
import { memory, resetPeak } from './procfs.ts';
import { SHAPES } from './shapes.ts';
import type { Outage } from './shapes.ts';

/**
 * Memory and acknowledgements while the sink is slow (200 ms an answer) or dead. Each outage has a proxy and a sink
 * of its own: the proxy is warmed up, the sink is broken, load runs, the sink is mended, and then everything
 * acknowledged must arrive. The sink that comes back counts only the points of this run, so that what a proxy sends
 * again from before the outage can't stand in for a lost point.
 */
const SLOW_DELAY = '200ms';
const WARM_UP_SECONDS = 4;
const MARK = 'outage';
/** A proxy may wait between its tries, and has a backlog to work off. */
const PATIENCE = { deliveryMsMax: 180_000, stallMsMax: 30_000 } as const;

interface OutageOptions {
  readonly tools: Tools;
  readonly folder: string;
  readonly main: string;
  readonly outage: Outage;
  readonly seconds: number;
}

export async function measureOutage(options: OutageOptions): Promise<Sample> {
  const { tools, folder, main } = options;
  const port = await freePort();
  let sink = await startSink({ tools, folder, port });
  const proxy = await startProxy({ folder, target: `127.0.0.1:${port}`, main });
  try {
    const subject = subjectOf('tsdb-wal', proxy);
    const shape = shapeOf(options.outage);
    await generate({ tools, shape, subject, seconds: WARM_UP_SECONDS, hosts: 'web' });
    await settle(nullSink(sink.address.http));
    await sink.stop();
    const counted = { tools, folder, port, only: MARK };
    if (options.outage === 'slow') {
      sink = await startSink(counted);
      await setDelay(sink, SLOW_DELAY);
    }
    const rise = await loadInHalves(options, proxy);
    if (options.outage === 'slow') await setDelay(sink, '0s');
    else sink = await startSink(counted);
    const delivery = await delivered(nullSink(sink.address.http), 0, rise.acked, PATIENCE);
    return sampleOf(options, rise, delivery.count, proxy);
  } finally {
    await proxy.stop();
    await sink.stop();
  }
}

function shapeOf(outage: Outage): (typeof SHAPES)[number] {
  const shape = SHAPES.find(({ name }) => name === (outage === 'slow' ? 'http50x64' : 'paced'));
  if (shape === undefined) throw new Error('the outages use shapes of the table');
  return shape;
}

interface Rise {
  readonly acked: number;
  readonly faults: number;
  readonly pointsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly middleMiB: number;
  readonly endMiB: number;
}

/** Growth is taken between the middle and the end: what the first half fills are the buffers that are meant to be. */
async function loadInHalves(options: OutageOptions, proxy: Running): Promise<Rise> {
  const { tools, outage, seconds } = options;
  const subject = subjectOf('tsdb-wal', proxy);
  resetPeak(proxy.pid);
  const load = generate({
    tools,
    shape: shapeOf(outage),
    subject,
    seconds,
    hosts: `${MARK}-`,
  });
  await sleep(seconds * 500);
  const middleMiB = memory(proxy.pid).nowMiB;
  const { acked, errors, non2xx, pps, p50_ms: p50Ms, p99_ms: p99Ms } = await load;
  const endMiB = memory(proxy.pid).nowMiB;
  return {
    acked,
    faults: errors + non2xx,
    pointsPerSecond: pps,
    p50Ms,
    p99Ms,
    middleMiB,
    endMiB,
  };
}

function sampleOf(options: OutageOptions, rise: Rise, count: number, proxy: Running): Sample {
  const faults = [
    ...(rise.acked === 0 ? ['nothing acknowledged'] : []),
    ...(rise.faults > 0 ? [`${rise.faults} errors at the client`] : []),
    ...(count < rise.acked ? [`${rise.acked} points acknowledged, ${count} arrived`] : []),
  ];
  return {
    round: 0,
    shape: options.outage,
    subject: 'tsdb-wal',
    pointsPerSecond: rise.pointsPerSecond,
    acknowledged: rise.acked,
    delivered: count,
    p50Ms: rise.p50Ms,
    p99Ms: rise.p99Ms,
    rssPeakMiB: memory(proxy.pid).peakMiB,
    rssGrowthMiB: rise.endMiB - rise.middleMiB,
    ...(faults.length > 0 && { fault: faults.join('; ') }),
  };
}

async function setDelay(sink: Running, delay: string): Promise<void> {
  await fetch(`http://${sink.address.http}/ctl?delay=${delay}`);
}
