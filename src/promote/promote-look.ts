import { recordsIn } from '../record/fork.ts';
import { WalError } from '../runtime/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Admin } from '../admin/admin-client.ts';
import { type AsOf, aroundProblems, type Cut, cutOf, leftOutProblems } from './as-of.ts';
import { addressOf, isBegun, isSwitched } from './new-primary.ts';
import { storedToOf } from './old-primary.ts';
import { checkPromotion } from './promote-checks.ts';
import type { PromoteEvent } from './promote-event.ts';
import {
  isLookedAt,
  type ProbeView,
  probeView,
  type ProxyView,
  proxyView,
  type StandbyView,
  standbyView,
} from './promote-views.ts';

type Checked = Extract<PromoteEvent, { event: 'checked' }>;

export interface Looked {
  readonly checked: Checked;
  /** The proxies that do not feed the target yet. */
  readonly open: readonly Admin[];
  readonly seen: StandbyView;
  readonly views: readonly ProxyView[];
  /** By proxy: what it received by then, epoch ms, its primary surely stores. */
  readonly storedTo: ReadonlyMap<string, number>;
  /** Some were switched by a run before this one, or some workers. */
  readonly isAnySwitched: boolean;
}

/** Asks all that take part in a promotion how they are. Throws PROMOTE_REFUSED. */
export async function lookAtAll({
  standby,
  proxies,
  to,
  asOf,
  clock,
}: {
  readonly standby: Admin;
  readonly proxies: readonly Admin[];
  readonly to: URL | undefined;
  readonly asOf: AsOf | undefined;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}): Promise<Looked> {
  // First, as it may take seconds: a lane that a proxy began meanwhile must be known as its own.
  const seen = await standbyOf(standby, asOf, clock);
  const askedMs = clock.now();
  const views = await Promise.all(proxies.map((proxy) => view(proxy, proxyView, 'proxy')));
  const target = addressOf(seen, to);
  const open = proxies.filter((_proxy, index) => {
    const one = views[index];
    return one !== undefined && !isSwitched(seen, one, target);
  });
  const [own, ...probes] = await Promise.all([
    probed(standby, '/target/probe', seen.target),
    ...open.map((proxy) => probed(proxy, '/primary/probe', target)),
  ]);
  const unreached = probes.flatMap(({ address, trouble }) =>
    trouble === undefined ? [] : [`proxy ${address}: ${trouble}`],
  );
  const { problems, warnings } = checkPromotion(seen, views, {
    to: target,
    asOf,
    reached: { standby: own, proxies: probes },
    nowMs: clock.now(),
  });
  const isAnySwitched = views.some((one) => isBegun(seen, one, target));
  const later = await laterOf(open, target, { asOf, seen, isAnySwitched });
  const { address, promotion, lagSeconds, lagRecords } = seen;
  const checked: Checked = {
    event: 'checked',
    target,
    asOf: asOf === undefined ? null : formatInstant(asOf.ms),
    standby: { address, target: seen.target, promotion, lagSeconds, lagRecords },
    proxies: views.map((proxy) => ({
      address: proxy.address,
      primary: proxy.primary,
      held: proxy.isHeld,
      switched: isSwitched(seen, proxy, target),
      later: later.records.get(proxy.address) ?? 0,
    })),
    warnings,
    problems: [...problems, ...unreached, ...later.problems],
  };
  return { checked, open, seen, views, storedTo: storedToOf(views, askedMs), isAnySwitched };
}

const LIMITS = { looks: 8, lookMs: 1_000 } as const;

/** One that has just been started, or that a busy machine keeps from it, gets a moment to look at what it follows. */
async function standbyOf(
  standby: Admin,
  asOf: AsOf | undefined,
  clock: Pick<Clock, 'sleep'>,
): Promise<StandbyView> {
  for (let look = 1; ; look += 1) {
    const seen = await view(standby, standbyView, 'standby');
    const mayYet = seen.seen.isComplete === false && look < LIMITS.looks;
    if (isLookedAt(seen, asOf) || !mayYet) return seen;
    await clock.sleep(LIMITS.lookMs, new AbortController().signal);
  }
}

/** How many records each has received since the moment, by address; or why that can't be told. */
async function laterOf(
  open: readonly Admin[],
  target: string,
  {
    asOf,
    seen,
    isAnySwitched,
  }: {
    readonly asOf: AsOf | undefined;
    readonly seen: StandbyView;
    readonly isAnySwitched: boolean;
  },
): Promise<{ readonly records: ReadonlyMap<string, number>; readonly problems: string[] }> {
  const records = new Map<string, number>();
  const problems: string[] = [];
  if (asOf === undefined) return { records, problems };
  const cuts = new Map<string, Cut>();
  for (const proxy of open) {
    try {
      const cut = await cutOf(proxy, asOf, target);
      cuts.set(proxy.address, cut);
      records.set(proxy.address, recordsIn(cut.later));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  problems.push(...aroundProblems(asOf, [...cuts.values()], seen));
  if (isAnySwitched && seen.fork !== undefined) problems.push(...leftOutProblems(seen.fork, cuts));
  return { records, problems };
}

const LOST =
  ' One that is lost while proxies are held: docs/PROMOTE.md, The standby is lost on the way.';

const AWAY = ' One that is down: docs/PROMOTE.md, A proxy that was away.';

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
      `Name the --admin address of the ${what}.${what === 'standby' ? LOST : AWAY}`,
    );
  }
  const seen = parse(address, answer.value);
  if (seen !== undefined) return seen;
  throw refused(`what answers at ${address} is no ${what} of this version`, 'See docs/PROMOTE.md.');
}

/** What answers there, as it sees it. */
async function probed(admin: Admin, path: string, to: string): Promise<ProbeView> {
  const { address } = admin;
  const answer = await admin.post(path, { to });
  if (answer.kind !== 'answered') return { address, trouble: answer.reason, startedAt: [] };
  const { trouble, startedAt } = probeView(address, answer.value);
  return { address, startedAt, trouble: trouble && `it does not reach ${to}: ${trouble}` };
}

/** Nothing has changed. */
export function refused(message: string, hint: string): WalError {
  return new WalError('PROMOTE_REFUSED', message, { hint });
}
