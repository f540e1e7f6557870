import type { ProxyView, StandbyView } from './promote-views.ts';

/**
 * Whether the proxy feeds the new primary already, as after a promotion that was interrupted. None does before the standby has stopped: one
 * that feeds `to` all the same has it for its old primary.
 */
export function isSwitched({ promotion }: StandbyView, proxy: ProxyView, to: string): boolean {
  return promotion === 'promoted' && proxy.primary === to && !proxy.isHeld;
}

/** Whether the proxy, or some of its workers, was given the new primary: there is no way back then. */
export function isBegun({ promotion }: StandbyView, { primaries }: ProxyView, to: string): boolean {
  return promotion === 'promoted' && primaries.includes(to);
}

/** Why proxies can't take `to` for what the standby feeds. It may be another name of that. */
export function addressProblems(
  standby: StandbyView,
  proxies: readonly ProxyView[],
  to: string,
): string[] {
  const { target } = standby;
  const far = farFrom(to, proxies) ?? (to === target ? farFrom(to, [standby]) : undefined);
  if (far !== undefined) {
    const who = far === standby ? 'the standby' : 'proxy';
    return [
      `${to} is another machine for ${who} ${far.address}: say by --to how proxies reach the target`,
    ];
  }
  // Of a name that means another machine to each nothing can be told.
  const isPlain = to !== target && farFrom(target, [standby, ...proxies]) === undefined;
  return [to, ...(isPlain ? [target] : [])].flatMap((url) => {
    const fed = proxies
      .filter(({ primaries }) => primaries.includes(url))
      .map(({ address }) => `proxy ${address}`);
    return fed.length === 0 ? [] : feedingProblems(standby, to, { url, fed: fed.join(' and ') });
  });
}

/** `fed`: the proxies that feed this one. */
function feedingProblems(
  { target, promotion }: StandbyView,
  to: string,
  { url, fed }: { readonly url: string; readonly fed: string },
): string[] {
  if (promotion === 'promoted') {
    return url === to ? [] : [`${target} is fed by ${fed} already: leave out --to ${to}`];
  }
  if (url === target) {
    return [
      `${target} is fed by ${fed}, and by the standby, which has not stopped: it is no standby of these`,
    ];
  }
  return [
    `${to} is fed by ${fed} now, and the standby, which has not stopped, feeds ${target}: leave out --to, or say how proxies reach that`,
  ];
}

export function addressWarnings({ target }: StandbyView, to: string): string[] {
  return to === target
    ? []
    : [`${to} is taken for another address of ${target}, which the standby feeds`];
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
