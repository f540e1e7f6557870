import { type Hole, parseControl } from '../../record/control.ts';
import { formatPosition } from '../../record/position.ts';
import {
  type InspectedCursor,
  type InspectedLane,
  type InspectedLog,
  type InspectedRecord,
  inspectLanes,
  inspectLog,
  inspectRecords,
  type RecordFilter,
} from '../../wal/inspect.ts';
import { EVERYTHING, type FilterOptions, parseFilter } from './inspect-filter.ts';
import { type Print, printToStdout } from '../print.ts';

export interface InspectOptions extends FilterOptions {
  readonly data: string;
  /** Show records, also when a filter asks for some. */
  readonly records?: boolean;
  /** Show also those that only say that the log goes on. */
  readonly ticks?: boolean;
  readonly json?: boolean;
}

/** Prints what the log holds; says whether its bytes are whole, as far as they were read. */
export async function inspectWal(
  options: InspectOptions,
  print: Print = printToStdout,
  warn: (text: string) => void = (text) => process.stderr.write(text),
): Promise<'whole' | 'damaged'> {
  const filter = parseFilter(options);
  const log = await inspectLog(options.data);
  const isJson = options.json === true;
  const isWhole =
    filter === undefined && options.records !== true
      ? await printSummary(log, isJson, print)
      : await printRecords(log, filter ?? EVERYTHING, {
          isJson,
          print,
          warn,
          // One that is asked for by its number is shown, whatever it is.
          hasTicks: options.ticks === true || options.seq !== undefined,
        });
  return isWhole ? 'whole' : 'damaged';
}

async function printSummary(log: InspectedLog, isJson: boolean, print: Print): Promise<boolean> {
  const { lanes, holes } = await inspectLanes(log);
  await print(
    isJson ? `${JSON.stringify({ ...log, lanes, holes })}\n` : formatSummary(log, lanes, holes),
  );
  return holes.length === 0 && log.cursors.every(({ position }) => position !== undefined);
}

async function printRecords(
  log: InspectedLog,
  filter: RecordFilter,
  output: {
    readonly isJson: boolean;
    readonly hasTicks: boolean;
    readonly print: Print;
    readonly warn: (text: string) => void;
  },
): Promise<boolean> {
  const { isJson, hasTicks, print, warn } = output;
  let isWhole = true;
  let ticks = 0;
  let text = '';
  for await (const entry of inspectRecords(log, filter)) {
    if (entry.kind === 'hole') isWhole = false;
    else if (!hasTicks && isTick(entry)) {
      ticks += 1;
      continue;
    }
    text += isJson ? `${JSON.stringify(entry)}\n` : formatRecord(entry);
    if (text.length < PRINT_CHARACTERS) continue;
    const goesOn = await print(text);
    if (!goesOn) return isWhole;
    text = '';
  }
  await print(text);
  if (ticks > 0) warn(`note: without ${ticks} ticks, by which an idle log goes on (--ticks)\n`);
  return isWhole;
}

/** One each second in which nothing is received. */
function isTick({ transport, lines }: Extract<InspectedRecord, { kind: 'record' }>): boolean {
  const [line = ''] = lines;
  return transport === 'log' && lines.length === 1 && parseControl(line)?.kind === 'tick';
}

const PRINT_CHARACTERS = 64 * 1024;

function formatSummary(
  log: InspectedLog,
  lanes: readonly InspectedLane[],
  holes: readonly Hole[],
): string {
  const { data, holder, segments, tornBytes, strangers, cursors } = log;
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  const use = holder === undefined ? 'not in use' : `in use by process ${holder.pid}`;
  return [
    `log of ${data}: lanes ${lanes.length}, files ${segments.length}, bytes ${bytes}, ${use}`,
    ...lanes.flatMap(formatLane),
    `cursors: ${cursors.length === 0 ? 'none' : ''}`,
    ...cursors.map(formatCursor),
    `holes: ${holes.length === 0 ? 'none' : ''}`,
    ...holes.map((hole) => `  ${formatHole(hole)}`),
    ...(tornBytes > 0
      ? [`unfinished last write: ${tornBytes} bytes, cut off at the next start`]
      : []),
    ...strangers.map((name) => `not part of this log, though named like a file of it: ${name}`),
    '',
  ].join('\n');
}

function formatLane(lane: InspectedLane): string[] {
  const { open, firstReceivedAt: from, lastReceivedAt: to } = lane;
  const previous = open?.previous;
  const after = previous ? `after ${previous.lane}/${previous.lastSeq}` : 'the first';
  const opened =
    open === undefined ? 'its first record is gone' : `opened by ${open.reason}, ${after}`;
  const times =
    from === undefined || to === undefined
      ? 'nothing readable'
      : `${formatTime(from)} to ${formatTime(to)}`;
  return [
    `lane ${lane.lane} (number ${lane.ordinal}): ${opened}`,
    `  sequence ${lane.firstSeq} to ${lane.lastSeq}: records ${lane.records}, points ${lane.points}, bytes ${lane.bytes}, files ${lane.files}`,
    `  received ${times}`,
    `  end: ${lane.ended}`,
  ];
}

function formatCursor({ name, position, recordsBehind }: InspectedCursor): string {
  return position === undefined
    ? `  ${name}: unreadable`
    : `  ${name}: at ${formatPosition(position)}, records behind ${recordsBehind}`;
}

function formatHole({ lane, from, to, reason }: Hole): string {
  return `${lane}/${from} to ${to}: ${reason}`;
}

function formatRecord(entry: InspectedRecord): string {
  if (entry.kind === 'hole') return `# hole ${formatHole(entry.hole)}\n`;
  const { receivedAt, transport, source, lines } = entry;
  const head = `@${formatPosition(entry)} ${formatTime(receivedAt)} ${transport} ${source}`;
  return `${head}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
