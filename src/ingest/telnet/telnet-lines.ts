import type { PutRules } from '../../opentsdb/put-rules.ts';
import { parseTelnetPut, scanTelnet } from '../../opentsdb/telnet-put.ts';
import type { LineBuffer } from '../../record/line-buffer.ts';
import type { TelnetCommands } from './telnet-commands.ts';
import type { TelnetRead } from './telnet-read.ts';

export interface TelnetGrammar {
  readonly rules: PutRules;
  readonly commands: TelnetCommands;
  /** Of the connection, as commands are told it. */
  readonly source: string;
}

/**
 * What the lines of a read mean, as OpenTSDB takes them: good puts are left in `lines`, as the log has them; bad ones and commands have
 * their replies in the read, in their places. Nothing after `exit` counts. It may be asked again.
 */
export function parseLines(
  read: TelnetRead,
  { rules, commands, source }: TelnetGrammar,
  lines: LineBuffer,
): void {
  lines.truncate(0, 0);
  read.begin();
  let exit: { readonly length: number; readonly count: number } | undefined;
  /** A line that is no plain good put. */
  const other = (line: string): void => {
    if (exit !== undefined) return;
    if (line === 'put' || line.startsWith('put ')) {
      const put = parseTelnetPut(line, rules);
      if (put.kind === 'point') return lines.push(put.line);
      read.invalid += 1;
      return read.reply(lines.count, `${put.reply}\n`);
    }
    if (line === 'exit' || line.startsWith('exit ')) {
      exit = { length: lines.length, count: lines.count };
      return undefined;
    }
    return read.reply(lines.count, commands.reply(line, source));
  };
  if (read.first !== undefined) scanTelnet(read.first, read.first.length, rules, lines, other);
  if (read.bytes.length > 0) scanTelnet(read.bytes, read.bytes.length, rules, lines, other);
  if (exit !== undefined) {
    lines.truncate(exit.length, exit.count);
    read.exit = true;
  }
  read.count = lines.count;
}
