import { fieldsOf } from '../../record/fields.ts';
import { WalError } from '../../runtime/errors.ts';
import type { Admin } from '../admin-client.ts';
import { checkPromotion, isSwitched } from './promote-checks.ts';
import type { PromoteEvent } from './promote-report.ts';
import { proxyView, standbyView } from './promote-views.ts';

type Checked = Extract<PromoteEvent, { event: 'checked' }>;

/** Asks all that take part in a promotion how they are; `open`: the proxies that do not feed the target yet. Throws PROMOTE_REFUSED. */
export async function lookAtAll({
  standby,
  proxies,
  to,
}: {
  readonly standby: Admin;
  readonly proxies: readonly Admin[];
  readonly to: URL | undefined;
}): Promise<{ readonly checked: Checked; readonly open: readonly Admin[] }> {
  const [seen, ...views] = await Promise.all([
    view(standby, standbyView, 'standby'),
    ...proxies.map((proxy) => view(proxy, proxyView, 'proxy')),
  ]);
  const target = to?.origin ?? seen.target;
  const { problems, warnings } = checkPromotion(seen, views, target);
  const open = proxies.filter((_proxy, index) => {
    const one = views[index];
    return one !== undefined && !isSwitched(one, target);
  });
  const unreached = await Promise.all(open.map((proxy) => probed(proxy, target)));
  const { address, promotion, lagSeconds, lagRecords } = seen;
  const checked: Checked = {
    event: 'checked',
    target,
    standby: { address, promotion, lagSeconds, lagRecords },
    proxies: views.map((proxy) => ({
      address: proxy.address,
      primary: proxy.primary,
      held: proxy.isHeld,
      switched: isSwitched(proxy, target),
    })),
    warnings,
    problems: [...problems, ...unreached.flat()],
  };
  return { checked, open };
}

async function view<V>(
  admin: Admin,
  parse: (address: string, status: unknown) => V | undefined,
  what: string,
): Promise<V> {
  const { address } = admin;
  const answer = await admin.get('/status');
  if (answer.kind !== 'answered') {
    throw refused(
      `${what} ${address}: ${answer.reason}`,
      `Name the --admin address of the ${what}.`,
    );
  }
  const seen = parse(address, answer.value);
  if (seen !== undefined) return seen;
  throw refused(`what answers at ${address} is no ${what} of this version`, 'See docs/PROMOTE.md.');
}

/** Whether the proxy reaches the target. */
async function probed(proxy: Admin, to: string): Promise<string[]> {
  const answer = await proxy.post('/primary/probe', { to });
  if (answer.kind !== 'answered') return [`proxy ${proxy.address}: ${answer.reason}`];
  const { trouble } = fieldsOf(answer.value);
  if (typeof trouble !== 'string') return [];
  return [`proxy ${proxy.address} does not reach ${to}: ${trouble}`];
}

/** Nothing has changed. */
export function refused(message: string, hint: string): WalError {
  return new WalError('PROMOTE_REFUSED', message, { hint });
}
