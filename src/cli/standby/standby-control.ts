import { formatAddress } from '../../config/address.ts';
import { parseAddress } from '../../config/address.ts';
import { WalError } from '../../runtime/errors.ts';
import { printToStdout } from '../print.ts';

const ANSWER_MS_MAX = 10_000;

/** Asks a running standby to pause or to go on; prints how it then is. */
export async function controlStandby(action: 'pause' | 'resume', admin: string): Promise<void> {
  const address = parseAddress(admin, '127.0.0.1');
  if (address === undefined) {
    throw new WalError('CONFIG_INVALID', `--admin ${admin} is no address`, {
      hint: 'Write 127.0.0.1:4244, say.',
    });
  }
  const url = `http://${formatAddress(address)}/${action}`;
  const signal = AbortSignal.timeout(ANSWER_MS_MAX);
  let answer: Response;
  try {
    answer = await fetch(url, { method: 'POST', signal });
  } catch (cause) {
    throw unanswered(`nothing answers at ${url}`, cause);
  }
  const text = await answer.text();
  if (!answer.ok) throw unanswered(`${url} answers ${answer.status}: ${text.trim()}`, undefined);
  await printToStdout(text);
}

function unanswered(message: string, cause: unknown): WalError {
  return new WalError('STANDBY_UNREACHABLE', message, {
    cause,
    hint: 'Name the --admin address that the standby runs with.',
  });
}
