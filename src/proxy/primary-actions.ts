import { describeProbe } from '../follow/probe.ts';
import { fieldsOf } from '../record/fields.ts';
import { type Fork, parseFork } from '../record/fork.ts';
import { parseContained } from '../record/lane-end.ts';
import { parseSince } from '../record/term.ts';
import { WalError } from '../runtime/errors.ts';
import { describeFeeding, type Feeding } from './feeding.ts';

/** What operators may ask of a proxy's primary (docs/OPERATIONS.md); each answers with how it then stands. */
export function primaryActions(
  feeding: Feeding,
): Readonly<Record<string, (body: unknown) => Promise<unknown>>> {
  return {
    '/primary/hold': async () => describeFeeding(await feeding.hold()),
    '/primary/release': async () => describeFeeding(await feeding.release()),
    '/primary/claim': async (body) => describeFeeding(await feeding.claim(claimIn(body))),
    '/primary/switch': async (body) => {
      const to = urlIn(body);
      const contained = parseContained(fieldsOf(body)['contained']);
      if (contained === undefined) {
        throw wrong('"contained" is not what the drain of a standby answers');
      }
      const begun = { fork: forkIn(body), since: sinceIn(body) };
      return describeFeeding(await feeding.switchTo(to, contained, begun));
    },
    '/primary/ends': async (body) => feeding.endsAt(atIn(body), urlIn(body)),
    '/primary/probe': async (body) => describeProbe(await feeding.probe(urlIn(body))),
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

function forkIn(body: unknown): Fork | undefined {
  const { fork } = fieldsOf(body);
  if (fork === undefined || fork === null) return undefined;
  const parsed = parseFork(fork);
  if (parsed === undefined) throw wrong('"fork" is not what docs/OPERATIONS.md says');
  return parsed;
}

function sinceIn(body: unknown): number {
  const since = parseSince(fieldsOf(body)['since']);
  if (since === undefined) throw wrong('"since" is not what the drain of a standby answers');
  return since;
}

function claimIn(body: unknown): 'same' | 'next' {
  const { as } = fieldsOf(body);
  if (as === 'same' || as === 'next') return as;
  throw wrong(
    '"as" is to be "same" (as what other proxies feed) or "next" (in its place): see docs/PROMOTE.md, A proxy that was away',
  );
}

function atIn(body: unknown): number {
  const { at } = fieldsOf(body);
  if (typeof at !== 'number') throw wrong('"at" is no time, as 1780317200000');
  return at;
}

function wrong(message: string): WalError {
  return new WalError('PROMOTE_REFUSED', message);
}
