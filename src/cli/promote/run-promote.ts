import { randomBytes } from 'node:crypto';
import { systemClock } from '../../runtime/clock.ts';
import { parseInstant } from '../../runtime/instant.ts';
import { adminAt } from '../../admin/admin-client.ts';
import { parseTarget } from '../parse-flags.ts';
import { type Print, printToStdout } from '../print.ts';
import { listenForStop } from '../../runtime/stop-signal.ts';
import { Promotion } from '../../promote/promote.ts';
import type { PromoteEvent } from '../../promote/promote-event.ts';
import { describePromoteEvent, promoteEventAsJson } from './promote-report.ts';

export interface PromoteFlags {
  readonly standby: string;
  readonly proxy: readonly string[];
  readonly to?: string;
  readonly asOf?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const TELL_MS = 1_000;

/** Throws PROMOTE_REFUSED, PROMOTE_UNFINISHED. */
export async function runPromote(flags: PromoteFlags, print: Print = printToStdout): Promise<void> {
  using stop = listenForStop();
  const isJson = flags.json === true;
  let toldMs = -Infinity;
  const tell = (event: PromoteEvent): void => {
    if (event.event === 'draining') {
      const nowMs = systemClock.monotonicMs();
      if (nowMs - toldMs < TELL_MS) return;
      toldMs = nowMs;
    }
    void print(`${isJson ? promoteEventAsJson(event) : describePromoteEvent(event)}\n`);
  };
  const promotion = new Promotion({
    standby: adminAt('--standby', flags.standby),
    proxies: flags.proxy.map((address) => adminAt('--proxy', address)),
    to: flags.to === undefined ? undefined : parseTarget('--to', flags.to),
    asOf:
      flags.asOf === undefined
        ? undefined
        : { ms: parseInstant('--as-of', flags.asOf), id: randomBytes(8).toString('hex') },
    isDryRun: flags.dryRun === true,
    clock: systemClock,
    tell,
  });
  await promotion.run(stop.signal);
  if (flags.dryRun === true && !isJson) {
    await print('It can be done; nothing was changed.\n');
  }
}
