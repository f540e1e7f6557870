import { fieldsOf } from '../../record/fields.ts';
import { WalError } from '../../runtime/errors.ts';
import { adminAt } from '../admin-client.ts';
import { type Print, printToStdout } from '../print.ts';

export interface ControlFlags {
  readonly admin: string;
  /** Print all of its status. */
  readonly json?: boolean;
}

/** Asks a running standby to pause or to go on; prints how it then is. Throws CONFIG_INVALID, STANDBY_UNREACHABLE. */
export async function controlStandby(
  action: 'pause' | 'resume',
  { admin: address, json = false }: ControlFlags,
  print: Print = printToStdout,
): Promise<void> {
  const admin = adminAt('--admin', address);
  const answer = await admin.post(`/${action}`);
  if (answer.kind !== 'answered') {
    throw new WalError('STANDBY_UNREACHABLE', `standby ${admin.address}: ${answer.reason}`, {
      hint: 'Name the --admin address that the standby runs with.',
    });
  }
  const { value } = answer;
  await print(`${json ? JSON.stringify(value) : describe(admin.address, value)}\n`);
}

/** In a line, from its `/status`. */
function describe(address: string, status: unknown): string {
  const { paused, promotion, target, contains, lagRecords, lagSeconds } = fieldsOf(status);
  const { state } = fieldsOf(promotion);
  const { latest } = fieldsOf(contains);
  const is =
    state === 'promoted'
      ? 'has stopped for good, since its target was made the primary'
      : paused === true
        ? 'is paused, also over its restarts'
        : 'follows';
  const has =
    typeof latest === 'string' ? `surely has what was received up to ${latest}` : 'has nothing yet';
  const { url } = fieldsOf(target);
  return `standby ${address} ${is}; ${String(url)} ${has}, ${String(lagRecords)} records (${Number(lagSeconds).toFixed(0)} s) behind`;
}
