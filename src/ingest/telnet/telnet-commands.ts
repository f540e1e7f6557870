import { askTelnet } from '../../opentsdb/telnet-once.ts';
import { helpReply, unknownCommandReply } from '../../opentsdb/telnet-reply.ts';
import type { IngestOptions } from '../ingest-options.ts';

/** Text to send, or how to get it once everything before it was answered. */
export type CommandReply = string | (() => Promise<string>);

const PRIMARY_TIMEOUT_MS = 10_000;

/** OpenTSDB's own list without `diediedie`, which is answered as unknown. */
const HELP = helpReply([
  'stats',
  'dropcaches',
  'version',
  'exit',
  'help',
  'put',
  'rollup',
  'histogram',
]);

/** Answers the telnet commands other than `put` and `exit`. */
export class TelnetCommands {
  readonly #options: IngestOptions;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  /** The reply to a line, with its `\n`. */
  reply(line: string, source: string): CommandReply {
    const space = line.indexOf(' ');
    const command = space < 0 ? line : line.slice(0, space);
    switch (command) {
      case 'version':
        return this.#options.telnetVersion();
      case 'help':
        return `${HELP}\n`;
      case 'stats':
        return () => this.#ask('stats', () => this.#options.telnetStats());
      case 'dropcaches':
        return () => this.#ask('dropcaches', unreachable);
      case 'rollup':
      case 'histogram':
        if (this.#options.mutations === 'pass') return () => this.#pass(command, line, source);
        return `${command}: illegal argument: tsdb-wal takes only put here, ${command} is not logged yet\n`;
      default:
        return `${unknownCommandReply(command)}\n`;
    }
  }

  async #pass(command: string, line: string, source: string): Promise<string> {
    try {
      await this.#options.bypassMarker('telnet', command, source);
    } catch (error) {
      return `${command}: illegal argument: not passed on, its marker can't be logged: ${String(error)}\n`;
    }
    return this.#ask(line, () => unreachable(command));
  }

  async #ask(line: string, otherwise: (line: string) => string): Promise<string> {
    const primary = this.#options.primary();
    try {
      return await askTelnet({ primary, line, timeoutMs: PRIMARY_TIMEOUT_MS });
    } catch {
      // That the primary is away is reported by its follower; here only its answer is missing.
      return otherwise(line);
    }
  }
}

const unreachable = (command: string): string =>
  `${command}: illegal argument: the primary OpenTSDB does not answer\n`;
