import type { Comparison, LedgerTally, Tally } from './comparison.ts';
import type { Counted } from './counting-client.ts';
import type { Narrator } from './narrator.ts';

const FAULTS_SHOWN_MAX = 20;

const NAMES = {
  collectd: 'collectd (telnet)',
  netdata: 'netdata (HTTP)',
  client: 'counting client (HTTP)',
} as const;

/** Shows the comparison; true when nothing is missing or different. */
export function report(
  { tallies, ledger, faults }: Comparison,
  { client, narrator }: { readonly client: Counted; readonly narrator: Narrator },
): boolean {
  narrator.line();
  narrator.line('Every cell (series and instant) of the log, against what OpenTSDB answers:');
  narrator.line();
  const header = ['', 'points', 'refused', 'cells', 'present', 'missing', 'different'];
  narrator.table([header, ...tallies.map(row), row(total(tallies))]);
  narrator.line();
  narrator.line(
    'points: in the log, each write counted. refused: by OpenTSDB itself, with its error.',
  );
  narrator.line(
    'collectd reads no answers, so none of its points counts as acknowledged; netdata and',
  );
  narrator.line('the counting client wait for an answer to each request.');
  narrator.line();
  describeLedger(ledger, client).forEach((line) => narrator.line(line));
  narrator.line();
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) narrator.line(fault);
  if (faults.length > FAULTS_SHOWN_MAX) {
    narrator.line(`and ${faults.length - FAULTS_SHOWN_MAX} more`);
  }
  narrator.line(
    faults.length === 0
      ? 'Nothing is missing, nothing is different.'
      : `${faults.length} cells are not as they should be.`,
  );
  return faults.length === 0;
}

function row(
  tally: Omit<Tally, 'source'> & { readonly source: Tally['source'] | 'all' },
): string[] {
  const { source, points, refused, cells, present, missing, different } = tally;
  const counts = [points, refused, cells, present, missing, different].map(String);
  return [source === 'all' ? 'all' : NAMES[source], ...counts];
}

function total(tallies: readonly Tally[]): Omit<Tally, 'source'> & { readonly source: 'all' } {
  const sum = (of: (tally: Tally) => number): number =>
    tallies.reduce((before, tally) => before + of(tally), 0);
  return {
    source: 'all',
    points: sum(({ points }) => points),
    refused: sum(({ refused }) => refused),
    cells: sum(({ cells }) => cells),
    present: sum(({ present }) => present),
    missing: sum(({ missing }) => missing),
    different: sum(({ different }) => different),
  };
}

function describeLedger(ledger: LedgerTally, client: Counted): readonly string[] {
  const { cells, rewritten, notLogged, missing, different } = ledger;
  const slowest = (client.slowestMs / 1_000).toFixed(1);
  return [
    `The counting client's own ledger: ${client.sent} points sent, ${client.acknowledged} acknowledged,`,
    `the slowest answer after ${slowest} s. Acknowledged cells ${cells}, of which ${rewritten} were written again and`,
    `again: not in the log ${notLogged}, not in OpenTSDB ${missing}, an older or strange value ${different}.`,
  ];
}
