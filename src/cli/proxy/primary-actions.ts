import { fieldsOf } from '../../record/fields.ts';
import { parseContained } from '../../record/lane-end.ts';
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
      const contained = parseContained(fieldsOf(body)['contained']);
      if (contained === undefined) {
        throw wrong('"contained" is not what the drain of a standby answers');
      }
      return describeFeeding(await feeding.switchTo(to, contained));
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

function wrong(message: string): WalError {
  return new WalError('PROMOTE_REFUSED', message);
}
