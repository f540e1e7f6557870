import type { Position } from '../../src/record/position.ts';
import type {
  Refusal,
  Submission,
  WriteOutcome,
  WritePath,
} from '../../src/ingest/write-path/write-path.ts';

export interface Submitted {
  readonly transport: string;
  readonly source: string;
  readonly lines: readonly string[];
  settle(outcome: WriteOutcome): void;
}

/** A write path that remembers what it was given and answers as it is told: at once, or when the test settles it. */
export class FakeWritePath implements WritePath {
  readonly submitted: Submitted[] = [];
  /** Whether submissions are accepted at once. */
  auto = true;
  available = true;
  stored: 'stored' | 'timeout' = 'stored';
  /** Lines that contain this text are refused by the primary. */
  refuse: string | undefined = undefined;
  readonly awaited: number[] = [];

  submit(submission: Submission, settle: (outcome: WriteOutcome) => void): void {
    const lines = submission.lines.toString('utf8').split('\n').slice(0, -1);
    if (lines.length !== submission.count) throw new Error('count and lines differ');
    const { transport, source } = submission;
    this.submitted.push({ transport, source, lines, settle });
    if (!this.available) later({ kind: 'unavailable', reason: 'the disk is full' });
    else if (this.auto) later(this.accepted(lines));

    function later(outcome: WriteOutcome): void {
      queueMicrotask(() => settle(outcome));
    }
  }

  accepted(lines: readonly string[] = []): WriteOutcome {
    const refusals: Refusal[] = [];
    for (const [line, text] of lines.entries()) {
      if (this.refuse !== undefined && text.includes(this.refuse)) {
        refusals.push({ line, text, error: `put: unknown metric: ${text.split(' ')[1]}` });
      }
    }
    return { kind: 'accepted', last: this.position(), refusals };
  }

  position(): Position {
    return { lane: 'lane', ordinal: 1, seq: this.submitted.length };
  }

  pressed(): void {}

  awaitStored(_position: Position, timeoutMs: number): Promise<'stored' | 'timeout'> {
    this.awaited.push(timeoutMs);
    return Promise.resolve(this.stored);
  }

  /** All lines, in the order of submission. */
  lines(): string[] {
    return this.submitted.flatMap(({ lines }) => lines);
  }
}
