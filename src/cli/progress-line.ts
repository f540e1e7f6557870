/** Where lines go: people read `err`, programs read `out`. */
export interface ReportOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether `err` is a terminal, where a line can be written over. */
  readonly isTerminal: boolean;
}

/** That of this process. */
export const PROCESS_OUTPUT: ReportOutput = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
};

const LOG_EVERY_MS = 10_000;

/** Progress for people: on one line that is written over, or a line every ten seconds. */
export class ProgressLine {
  readonly #output: ReportOutput;
  readonly #now: () => number;
  #shown = '';
  #toldMs = -Infinity;

  constructor(output: ReportOutput, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  show(text: string): void {
    const { err, isTerminal } = this.#output;
    if (isTerminal) {
      err(`\r${text.padEnd(this.#shown.length)}`);
      this.#shown = text;
    } else if (this.#now() - this.#toldMs >= LOG_EVERY_MS) {
      this.#toldMs = this.#now();
      err(`${text}\n`);
    }
  }

  /** Lets something else be written, and shows the line again after it. */
  around(write: () => void): void {
    const { err } = this.#output;
    if (this.#shown !== '') err(`\r${' '.repeat(this.#shown.length)}\r`);
    write();
    if (this.#shown !== '') err(this.#shown);
  }

  /** What was shown stays. */
  end(): void {
    if (this.#shown !== '') this.#output.err('\n');
    this.#shown = '';
  }
}
