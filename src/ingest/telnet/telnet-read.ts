import type { Refusal, WriteOutcome } from '../write-path/write-path.ts';
import type { CommandReply } from './telnet-commands.ts';

/** What one read of a telnet connection brought, kept until it is answered. */
export class TelnetRead {
  /** The line that the bytes of the read before began. */
  readonly first: Buffer | undefined;
  /** The complete lines after it. */
  readonly bytes: Buffer;
  /** How much the read brought that the lines came by. */
  readonly bytesRead: number;
  /** Memory of the replies, counted. */
  replyBytes = 0;
  /** What `bytes` is a part of. */
  readonly memory: Buffer;
  replies: CommandReply[] = [];
  /** Lines submitted; all, before it was. */
  count = 0;
  /** Lines that OpenTSDB's rules refuse. */
  invalid = 0;
  /** `exit` was read: nothing after it counts. */
  exit = false;
  outcome: WriteOutcome | 'nothing' | undefined = undefined;
  /** Resolves when there is an outcome. */
  settled: Promise<void> = Promise.resolve();
  /** For each reply, how many submitted lines stand before it. */
  #linesBefore: number[] = [];

  constructor(parts: Pick<TelnetRead, 'first' | 'bytes' | 'bytesRead' | 'memory'>) {
    this.first = parts.first;
    this.bytes = parts.bytes;
    this.bytesRead = parts.bytesRead;
    this.memory = parts.memory;
  }

  /** Counted against the budgets. */
  get heldBytes(): number {
    return this.bytesRead + this.replyBytes;
  }

  /** Forgets an earlier scan. */
  begin(): void {
    this.replies = [];
    this.#linesBefore = [];
    this.invalid = 0;
    this.exit = false;
    this.outcome = undefined;
  }

  reply(linesBefore: number, reply: CommandReply): void {
    this.#linesBefore.push(linesBefore);
    this.replies.push(reply);
  }

  linesBefore(reply: number): number {
    return this.#linesBefore[reply] ?? this.count;
  }
}

/** So many bytes at the front of `memory` were read. */
export interface BytesRead {
  readonly memory: Buffer;
  readonly length: number;
}

/** `before`: the unfinished line of earlier reads; `end`: after the last `\n` of what was read. */
export function createRead(before: Buffer | undefined, read: BytesRead, end: number): TelnetRead {
  const { memory, length: bytesRead } = read;
  if (before === undefined) {
    return new TelnetRead({ first: undefined, bytes: memory.subarray(0, end), bytesRead, memory });
  }
  const start = memory.indexOf(0x0a) + 1;
  const first = Buffer.concat([before, memory.subarray(0, start)]);
  return new TelnetRead({ first, bytes: memory.subarray(start, end), bytesRead, memory });
}

/** Our own replies and the primary's refusals, in the order of their lines. */
export function* mergeReplies(
  read: TelnetRead,
  refusals: readonly Refusal[],
): Generator<CommandReply> {
  let next = 0;
  for (const [index, reply] of read.replies.entries()) {
    for (let refusal = refusals[next]; refusal !== undefined; refusal = refusals[next]) {
      if (refusal.line >= read.linesBefore(index)) break;
      yield `${refusal.error}\n`;
      next += 1;
    }
    yield reply;
  }
  for (const refusal of refusals.slice(next)) yield `${refusal.error}\n`;
}
