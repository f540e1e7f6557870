interface Run {
  readonly from: number;
  /** Excluded. */
  to: number;
}

/** More runs than these are not kept: the oldest are forgotten. */
const RUNS_MAX = 1_000;

/** A set of offsets of one partition, as runs without a gap. What it holds was added; of what was added it may forget the oldest. */
export class OffsetRuns {
  /** In order, none touching the next. */
  readonly #runs: Run[] = [];

  add(offset: number): void {
    const runs = this.#runs;
    let at = runs.length;
    while (at > 0 && (runs[at - 1]?.from ?? 0) > offset) at -= 1;
    const before = runs[at - 1];
    const after = runs[at];
    if (before !== undefined && offset < before.to) return;
    const joinsAfter = after?.from === offset + 1;
    if (before?.to === offset) {
      before.to = joinsAfter ? after.to : offset + 1;
      if (joinsAfter) runs.splice(at, 1);
    } else if (joinsAfter) runs[at] = { from: offset, to: after.to };
    else runs.splice(at, 0, { from: offset, to: offset + 1 });
    if (runs.length > RUNS_MAX) runs.shift();
  }

  /** The first offset that it does not hold, from there on. */
  firstLacking(offset: number): number {
    const run = this.#runs.findLast(({ from }) => from <= offset);
    return run !== undefined && offset < run.to ? run.to : offset;
  }
}
