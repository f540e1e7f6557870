/** The loads of the bench: what is sent, over how many connections, and whether the sender waits for answers. */
export interface Shape {
  readonly name: string;
  readonly title: string;
  readonly transport: 'http' | 'telnet';
  readonly batchPoints: number;
  readonly connections: number;
  /** False: telnet lines without ever asking for a `version`; what counts is then what arrived. */
  readonly waits: boolean;
  /** 0: as fast as answers come. */
  readonly pointsPerSecond: number;
}

const asFastAsAnswersCome = { waits: true, pointsPerSecond: 0 } as const;

function http(batchPoints: number, connections: number): Shape {
  const title = `HTTP ${batchPoints}, ${connections} connections`;
  const name = `http${batchPoints}x${connections}`;
  return { name, title, transport: 'http', batchPoints, connections, ...asFastAsAnswersCome };
}

function telnet(batchPoints: number, connections: number): Shape {
  const title = `telnet, version per ${batchPoints}, ${connections} connections`;
  const name = `telnet${batchPoints}x${connections}`;
  return { name, title, transport: 'telnet', batchPoints, connections, ...asFastAsAnswersCome };
}

/** Points a second that any OpenTSDB takes. */
export const PACE = 15_000;

function paced(name: string, batchPoints: number): Shape {
  const title = `HTTP ${batchPoints}, 15,000 points/s`;
  return { ...http(batchPoints, 8), name, title, pointsPerSecond: PACE };
}

export const SHAPES: readonly Shape[] = [
  http(1, 8),
  http(1, 64),
  http(50, 8),
  http(50, 64),
  http(500, 8),
  telnet(50, 8),
  telnet(50, 64),
  telnet(500, 8),
  { ...telnet(50, 8), name: 'firehose', title: 'telnet without waiting, 8', waits: false },
  paced('paced', 50),
  paced('paced500', 500),
];

/** By which a topic is filled that is to be read. */
export const FILLING = http(500, 8);

/** Shapes that break the sink and watch the memory of the proxy; see outage.ts. */
export const OUTAGES = ['slow', 'dead'] as const;
export type Outage = (typeof OUTAGES)[number];

/** Not a load: how fast a topic is read. */
export const READING = 'reading';

export const QUICK_SHAPES: readonly string[] = [
  'http1x64',
  'http50x8',
  'http500x8',
  'telnet50x8',
  READING,
];
