import type { Tsd } from '../../../scripts/stack/opentsdb.ts';
import { instantKey } from '../../kit/tsd-storage.ts';
import type { StateCell } from '../../restore/kit/history.ts';
import { parsePutLine } from '../../../src/opentsdb/put-line.ts';
import { HttpCollector, TelnetCollector } from './clients.ts';
import { jsonOf } from './ledger.ts';

/** Of each instant, by `instantKey`. */
export type State = ReadonlyMap<string, StateCell>;

/**
 * Compares every cell that OpenTSDB's own scan finds in the metrics with the state: what differs, as sentences. Nothing
 * of tsdb-wal's verification is used. `isCompacting`: OpenTSDB has the cells of a row twice while it compacts it.
 */
export async function storedDifferences(
  tsd: Tsd,
  metrics: readonly string[],
  state: State,
  isCompacting = true,
): Promise<string[]> {
  const differences: string[] = [];
  const seen = new Map<string, string>();
  for (const metric of metrics) {
    for (const cell of await tsd.scan(metric)) {
      const { key, value } = parseCell(metric, cell);
      const expected = state.get(key);
      const before = seen.get(key);
      if (isCompacting && before === cell) continue;
      if (before !== undefined) differences.push(`twice: ${before} and ${cell}`);
      else if (expected === undefined) differences.push(`too much: ${cell}`);
      else if (!isSame(valueOf(expected), value)) {
        differences.push(`${cell} instead of ${expected.line}`);
      }
      seen.set(key, cell);
    }
  }
  for (const [key, { line }] of state) if (!seen.has(key)) differences.push(`missing: ${line}`);
  return differences;
}

/**
 * Puts the state by its own transports, straight to the OpenTSDB. What is stored in another form than that (a float on 4
 * bytes or on 8, say) then has a second cell.
 */
export async function putState({ port }: Tsd, state: State): Promise<void> {
  const cells = [...state.values()];
  const telnet = new TelnetCollector(port);
  const error = await telnet.put(
    cells.filter(({ transport }) => transport === 'telnet').map(({ line }) => line),
  );
  telnet.close();
  if (error !== undefined) throw new Error(error);
  const http = new HttpCollector(port);
  const points = cells
    .filter(({ transport }) => transport === 'http')
    .map(({ line }) => (line.startsWith('http ') ? line.slice(line.indexOf('{')) : jsonOf(line)));
  // The answer comes when what was put before is stored, too.
  const { status, text } = await http.send(`[${points.join()}]`, '/api/put?details&sync');
  http.close();
  if (status !== 200) throw new Error(text);
}

/** `metric timestamp value tag=…`; keys of tags are single letters, and values may hold spaces. */
function parseCell(metric: string, cell: string): { readonly key: string; readonly value: string } {
  const rest = cell.slice(metric.length + 1);
  const [, timestamp = '', value = '', pairs = ''] = /^(\d+) (\S+) (.*)$/.exec(rest) ?? [];
  if (!cell.startsWith(`${metric} `) || pairs === '') throw new Error(`no cell: ${cell}`);
  const tags = Object.fromEntries(
    pairs.split(/ (?=[a-z]=)/).map((pair): [string, string] => [pair.slice(0, 1), pair.slice(2)]),
  );
  return { key: instantKey({ transport: 'http', metric, timestamp, value, tags }), value };
}

function valueOf({ line }: StateCell): string {
  return parsePutLine(line).value.trim();
}

/** An integer by every digit, and as an integer; anything else as a double. */
function isSame(sent: string, stored: string): boolean {
  const integer = /^[+-]?\d+$/;
  if (integer.test(sent)) return integer.test(stored) && BigInt(sent) === BigInt(stored);
  return !integer.test(stored) && Number(sent) === Number(stored);
}
