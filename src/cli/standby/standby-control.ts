import { fieldsOf } from '../../record/fields.ts';
import { WalError } from '../../runtime/errors.ts';
import { adminAt } from '../../admin/admin-client.ts';
import { type Print, printToStdout } from '../print.ts';

export interface ControlFlags {
  readonly admin: string;
  /** Print all of its status. */
  readonly json?: boolean;
}

/** What `--json` prints; docs/JSON.md is the contract. */
interface Controlled {
  readonly contract: 'tsdb-wal standby pause' | 'tsdb-wal standby resume';
  readonly version: 1;
  /** The admin address of the standby. */
  readonly standby: string;
  /** As `/status` then has it. */
  readonly status: unknown;
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
  const { address: standby } = admin;
  const { value: status } = answer;
  const told: Controlled = { contract: `tsdb-wal standby ${action}`, version: 1, standby, status };
  await print(`${json ? JSON.stringify(told) : describe(told)}\n`);
}

/** In a line. */
function describe({ standby, status }: Controlled): string {
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
  return `standby ${standby} ${is}; ${String(url)} ${has}, ${String(lagRecords)} records (${Number(lagSeconds).toFixed(0)} s) behind`;
}
