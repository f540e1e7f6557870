import { connect } from 'node:net';
import { endpointOf } from '../runtime/endpoint.ts';

const REPLY_BYTES_MAX = 4 * 1024 * 1024;

let questions = 0;

export interface TelnetQuestion {
  readonly primary: URL;
  /** Without its line end. */
  readonly line: string;
  readonly timeoutMs: number;
}

/**
 * Sends one line to the TSD on a connection of its own and resolves to its reply, '' when it answers nothing. The end
 * of a reply is known by the answer to an unknown command sent after the line. Rejects when none comes in time.
 */
export function askTelnet(question: TelnetQuestion): Promise<string> {
  const { primary, line, timeoutMs } = question;
  questions += 1;
  const marker = `#end-${questions}`;
  const end = `unknown command: ${marker}.  Try \`help'.\n`;
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect({ ...endpointOf(primary), noDelay: true });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new Error(`OpenTSDB did not answer "${line}" within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`OpenTSDB closed the connection at "${line}"`)));
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1');
      if (reply.endsWith(end)) {
        clearTimeout(timer);
        socket.destroy();
        resolve(reply.slice(0, -end.length));
      } else if (reply.length > REPLY_BYTES_MAX) {
        fail(new Error(`OpenTSDB's reply to "${line}" is too long`));
      }
    });
    socket.write(Buffer.from(`${line}\n${marker}\n`, 'latin1'));
  });
}
