import { isSameValue } from './cell.ts';
import type { CountingClient, LedgerEntry } from './counting-client.ts';
import type { LoggedCell, LoggedCells, Source } from './logged-cells.ts';

/** Of one source: how its cells in the log compare to OpenTSDB. */
export interface Tally {
  readonly source: Source;
  readonly points: number;
  readonly refused: number;
  cells: number;
  present: number;
  missing: number;
  different: number;
}

/** Of the counting client's cells that were acknowledged, straight against OpenTSDB, without the log. */
export interface LedgerTally {
  cells: number;
  /** Written more than once. */
  rewritten: number;
  notLogged: number;
  missing: number;
  /** Its value is neither the last acknowledged one nor one sent after it. */
  different: number;
}

export interface Comparison {
  readonly tallies: readonly Tally[];
  readonly ledger: LedgerTally;
  /** What is wrong, in words, one for each cell. */
  readonly faults: readonly string[];
}

export function compareCells(
  logged: LoggedCells,
  stored: ReadonlyMap<string, string>,
  ledger: CountingClient['ledger'],
): Comparison {
  const faults: string[] = logged.holes.map((hole) => `hole in the log: ${hole}`);
  const tallies = compareLogged(logged, stored, faults);
  return { tallies, ledger: compareLedger(ledger, { logged, stored, faults }), faults };
}

function compareLogged(
  { cells, points, refused }: LoggedCells,
  stored: ReadonlyMap<string, string>,
  faults: string[],
): readonly Tally[] {
  const empty = { cells: 0, present: 0, missing: 0, different: 0 };
  const tallies = (['collectd', 'netdata', 'client'] as const).map((source): Tally =>
    Object.assign({ source, points: points[source], refused: refused[source] }, empty),
  );
  for (const [key, cell] of cells) {
    const tally = tallies.find(({ source }) => source === cell.source);
    if (tally === undefined) continue;
    tally.cells += 1;
    const verdict = judge(cell, stored.get(key));
    tally[verdict] += 1;
    if (verdict !== 'present') {
      const held = `the log has ${cell.value} at ${cell.position}, OpenTSDB ${stored.get(key)}`;
      faults.push(`${verdict}: ${key}: ${held}`);
    }
  }
  return tallies;
}

function judge(
  { value }: LoggedCell,
  stored: string | undefined,
): 'present' | 'missing' | 'different' {
  if (stored === undefined) return 'missing';
  return isSameValue(value, stored) ? 'present' : 'different';
}

function compareLedger(
  ledger: CountingClient['ledger'],
  {
    logged,
    stored,
    faults,
  }: { logged: LoggedCells; stored: ReadonlyMap<string, string>; faults: string[] },
): LedgerTally {
  const tally = { cells: 0, rewritten: 0, notLogged: 0, missing: 0, different: 0 };
  for (const [key, entry] of ledger) {
    tally.cells += 1;
    if (key.startsWith('demo.rewritten ')) tally.rewritten += 1;
    if (!logged.cells.has(key)) {
      tally.notLogged += 1;
      faults.push(`acknowledged, not in the log: ${key}`);
    }
    const value = stored.get(key);
    if (value === undefined) {
      tally.missing += 1;
      faults.push(`acknowledged, not in OpenTSDB: ${key}`);
    } else if (!isAsAcknowledged(entry, Number(value))) {
      tally.different += 1;
      const range = `${entry.acknowledged} to ${entry.sent}`;
      faults.push(`acknowledged ${range}, OpenTSDB has ${value}: ${key}`);
    }
  }
  return tally;
}

/** The values of a cell only grow. */
function isAsAcknowledged({ acknowledged, sent }: LedgerEntry, value: number): boolean {
  return value >= acknowledged && value <= sent;
}
