import type { Contained } from '../../record/lane-end.ts';
import { WalError } from '../../runtime/errors.ts';
import { describeFeeding, type Feeding } from './feeding.ts';

/** What operators may ask of a proxy's primary (docs/OPERATIONS.md); each answers with how it then stands. */
export function primaryActions(
  feeding: Feeding,
): Readonly<Record<string, (body: unknown) => Promise<unknown>>> {
  return {
    '/primary/hold': async () => describeFeeding(await feeding.hold()),
    '/primary/release': async () => describeFeeding(await feeding.release()),
    '/primary/switch': async (body) => {
      const to = urlIn(body);
      return describeFeeding(await feeding.switchTo(to, containedIn(body)));
    },
    '/primary/probe': async (body) => ({ trouble: (await feeding.probe(urlIn(body))) ?? null }),
  };
}

function urlIn(body: unknown): URL {
  const { to } = fieldsOf(body);
  const url = typeof to === 'string' && URL.canParse(to) ? new URL(to) : undefined;
  if (url?.protocol !== 'http:' || url.pathname !== '/') {
    throw wrong('"to" is no address of an OpenTSDB, as http://tsdb-2:4242');
  }
  return url;
}

function containedIn(body: unknown): Contained {
  const { sinceMs, latestMs, lanes } = fieldsOf(fieldsOf(body)['contained']);
  if (!isTime(sinceMs) || !isTime(latestMs) || !Array.isArray(lanes)) {
    throw wrong('"contained" is not what the drain of a standby answers');
  }
  const known = new Map<string, { readonly seq: number; readonly receivedAt: number }>();
  for (const one of lanes as readonly unknown[]) {
    const { lane, seq, receivedAt } = fieldsOf(one);
    if (typeof lane !== 'string' || typeof seq !== 'number' || typeof receivedAt !== 'number') {
      throw wrong('"contained.lanes" is not what the drain of a standby answers');
    }
    known.set(lane, { seq, receivedAt });
  }
  return { sinceMs, latestMs, lanes: known };
}

function isTime(value: unknown): value is number | null {
  return value === null || typeof value === 'number';
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return (value ?? {}) as Record<string, unknown>;
}

function wrong(message: string): WalError {
  return new WalError('PROMOTE_REFUSED', message);
}
