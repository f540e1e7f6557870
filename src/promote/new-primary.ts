import type { Term } from '../record/term.ts';
import type { ProbeView, ProxyView, StandbyView } from './promote-views.ts';

/**
 * Whether the proxy feeds the new primary already, as after a promotion that was interrupted. None does before the standby has stopped: one
 * that feeds `to` all the same has it for its old primary.
 */
export function isSwitched({ promotion }: StandbyView, proxy: ProxyView, to: string): boolean {
  return promotion === 'promoted' && proxy.primary === to && !proxy.isHeld;
}

/** Whether the proxy, or some of its workers, was given the new primary by this promotion, and by none after it: there is no way back then. */
export function isBegun(standby: StandbyView, proxy: ProxyView, to: string): boolean {
  const isGiven = standby.promotion === 'promoted' && feeds(proxy, to);
  return isGiven && laterTerms(standby, proxy).length === 0;
}

/** What the proxy was given after the promotion of this standby ended. */
export function laterTerms(
  { promotedMs = Infinity }: StandbyView,
  { terms }: ProxyView,
): readonly Term[] {
  return terms.filter(({ since }) => since > promotedMs);
}

/** Whether it, or some of its workers, does; one that is fenced only names it. */
function feeds({ primaries, isFenced }: ProxyView, url: string): boolean {
  return primaries.includes(url) && (!isFenced || primaries.length > 1);
}

/** Since when proxies were given another one, as far as they know. */
export function termsOfOthers(proxies: readonly ProxyView[], to: string): readonly Term[] {
  return proxies.flatMap(({ terms }) => terms.filter(({ primary }) => primary !== to));
}

/** How proxies reach what the standby feeds: what was begun is gone on with by the address that it was begun with. `to`: as is said now. */
export function addressOf(standby: StandbyView, to: URL | undefined): string {
  return to?.origin ?? usualOf(standby);
}

function usualOf({ promotion, to, target }: StandbyView): string {
  return promotion === 'none' ? target : (to ?? target);
}

/** Why proxies can't take `to` for what the standby feeds. It may be another name of that. */
export function addressProblems(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  to: string,
): string[] {
  const { target, promotion } = standby;
  const far = farFrom(to, proxies) ?? (to === target ? farFrom(to, [standby]) : undefined);
  if (far !== undefined) {
    const who = far === standby ? 'the standby' : 'proxy';
    return [
      `${to} is another machine for ${who} ${far.address}: say by --to how proxies reach the target`,
    ];
  }
  const fedBy = (url: string): string =>
    proxies
      .filter((proxy) => feeds(proxy, url))
      .map(({ address }) => `proxy ${address}`)
      .join(' and ');
  if (promotion === 'promoted') return stoppedProblems(standby, proxies, { to, fedBy });
  // Of a name that means another machine to each nothing can be told.
  const isPlain = to !== target && farFrom(target, [standby, ...proxies]) === undefined;
  return [to, ...(isPlain ? [target] : [])].flatMap((url) => {
    const fed = fedBy(url);
    return fed === '' ? [] : feedingProblems(standby, to, { url, fed });
  });
}

/** While the standby feeds its target. `fed`: the proxies that feed this one. */
function feedingProblems(
  { target }: StandbyView,
  to: string,
  { url, fed }: { readonly url: string; readonly fed: string },
): string[] {
  if (url === target) {
    return [
      `${target} is fed by ${fed}, and by the standby, which has not stopped: it is no standby of these`,
    ];
  }
  return [
    `${to} is fed by ${fed} now, and the standby, which has not stopped, feeds ${target}: leave out --to, or say how proxies reach that`,
  ];
}

/** Once the standby has stopped: proxies may feed its target already, by the address that they were given. */
function stoppedProblems(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  { to, fedBy }: { readonly to: string; readonly fedBy: (url: string) => string },
): string[] {
  const { target } = standby;
  const usual = usualOf(standby);
  const isPlain = farFrom(target, [standby, ...proxies]) === undefined;
  const known = new Set([usual, ...(isPlain ? [target] : [])]);
  const other = [...known].find((url) => url !== to && fedBy(url) !== '');
  if (other !== undefined) {
    const say = other === usual ? `leave out --to ${to}` : `say --to ${other}`;
    return [`${other} is fed by ${fedBy(other)} already: ${say}`];
  }
  const fed = fedBy(to);
  if (known.has(to) || fed === '') return [];
  return [
    `${to} is fed by ${fed}, and nothing says that it is ${usual}, which the standby fed until it stopped: leave out --to. Where it is, and they were switched by hand, tell the standby: POST /drain, as docs/PROMOTE.md has it, with "to": "${to}"`,
  ];
}

/** What answers where the standby feeds, and where the proxies are to. */
export interface Reached {
  readonly standby: ProbeView;
  /** Those that do not feed it yet. */
  readonly proxies: readonly ProbeView[];
}

/** Another process may be another TSD of the same tables: then it is no mistake. */
export function addressWarnings(
  { target }: StandbyView,
  to: string,
  { standby, proxies }: Reached,
): string[] {
  const own = standby.startedAt;
  const isKnown = own.length > 0;
  const others = proxies.filter(
    ({ startedAt }) => isKnown && startedAt.some((at) => !own.includes(at)),
  );
  if (others.length > 0) {
    const reach = others.map(({ address, startedAt }) => {
      return `proxy ${address} reaches one started at ${startedAt.join(' and ')}`;
    });
    return [
      `at ${to} another OpenTSDB process answers than the one started at ${own.join(' and ')} that the standby feeds at ${target}: ${reach.join('; ')}. ${SAME_TABLES}`,
    ];
  }
  const isSame = isKnown && proxies.every(({ startedAt }) => startedAt.length > 0);
  if (to === target || isSame) return [];
  return [`${to} is taken for another address of ${target}, which the standby feeds`];
}

const SAME_TABLES =
  'That is right only if both are TSDs of the same tables: compare tsd.storage.hbase.zk_quorum, .zk_basedir, .data_table and .uid_table of their /api/config. Otherwise the new primary lacks all that the standby has given its target: say by --to how proxies reach that. If it was restarted this moment, look again with --dry-run';

/** Proxies of one log that feed different OpenTSDBs are a mistake, which addresses alone don't prove; those that were switched already are none. */
export function splitWarnings(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  to: string,
): string[] {
  const open = proxies.filter((proxy) => !isBegun(standby, proxy, to));
  if (new Set(open.flatMap(({ primaries }) => primaries)).size < 2) return [];
  const fed = open.map(
    ({ address, primaries }) => `proxy ${address} feeds ${primaries.join(', ')}`,
  );
  return [
    `the proxies have different primaries: ${fed.join('; ')}. Unless these are one OpenTSDB by several addresses, each lacks what came by the other proxies, and those who read see different values. The promotion ends that: the new primary gets what the log has of all. If you don't promote, give all proxies one --primary (docs/PROMOTE.md, Proxies with different primaries)`,
  ];
}

/** The first for which the address means another machine. */
function farFrom<A extends { readonly address: string }>(
  url: string,
  those: readonly A[],
): A | undefined {
  if (!isLoopback(new URL(url).hostname)) return undefined;
  return those.find(({ address }) => !isLoopback(address.replace(/:\d+$/, '')));
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host.startsWith('127.');
}
