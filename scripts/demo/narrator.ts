/** Tells a person what happens: one short line each, with the time since the collectors began. */
export class Narrator {
  #beganMs: number | undefined;

  /** From now on lines carry the time. */
  begin(): void {
    this.#beganMs = performance.now();
  }

  get elapsedMs(): number {
    return this.#beganMs === undefined ? 0 : performance.now() - this.#beganMs;
  }

  say(who: string, what: string): void {
    const time = this.#beganMs === undefined ? '' : `${(this.elapsedMs / 1_000).toFixed(1)} s`;
    process.stdout.write(`${time.padStart(7)}  ${who.padEnd(9)} ${what}\n`);
  }

  /** Words to the first left, to all others right. */
  table(rows: readonly (readonly string[])[]): void {
    const widths = (rows[0] ?? []).map((_, column) =>
      Math.max(...rows.map((row) => row[column]?.length ?? 0)),
    );
    for (const row of rows) {
      const cells = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      });
      process.stdout.write(`${cells.join('  ')}\n`);
    }
  }

  line(text = ''): void {
    process.stdout.write(`${text}\n`);
  }
}
