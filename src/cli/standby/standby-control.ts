import { WalError } from '../../runtime/errors.ts';
import { adminAt } from '../admin-client.ts';
import { printToStdout } from '../print.ts';

/** Asks a running standby to pause or to go on; prints how it then is. Throws CONFIG_INVALID, STANDBY_UNREACHABLE. */
export async function controlStandby(action: 'pause' | 'resume', address: string): Promise<void> {
  const admin = adminAt('--admin', address);
  const answer = await admin.post(`/${action}`);
  if (answer.kind !== 'answered') {
    throw new WalError('STANDBY_UNREACHABLE', `standby ${admin.address}: ${answer.reason}`, {
      hint: 'Name the --admin address that the standby runs with.',
    });
  }
  await printToStdout(`${JSON.stringify(answer.value, null, 2)}\n`);
}
