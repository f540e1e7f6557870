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
/** People are told the same as before so often. */
const TELL_AGAIN_MS = 10_000;

/** Throws PROMOTE_REFUSED, PROMOTE_UNFINISHED. */
export async function runPromote(flags: PromoteFlags, print: Print = printToStdout): Promise<void> {
  using stop = listenForStop();
  const isJson = flags.json === true;
  let toldMs = -Infinity;
  let told = '';
  const tell = (event: PromoteEvent): void => {
    const line = isJson ? promoteEventAsJson(event) : describePromoteEvent(event);
    if (event.event === 'draining') {
      const nowMs = systemClock.monotonicMs();
      const isSame = !isJson && line === told;
      if (nowMs - toldMs < (isSame ? TELL_AGAIN_MS : TELL_MS)) return;
      toldMs = nowMs;
    }
    told = line;
    void print(`${line}\n`);
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
