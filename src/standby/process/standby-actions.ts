import { describeProbe, probeOnce } from '../../follow/probe.ts';
import { fieldsOf } from '../../record/fields.ts';
import { type Fork, parseFork } from '../../record/fork.ts';
import { parseLaneEnds } from '../../record/lane-end.ts';
import { parseSince } from '../../record/term.ts';
import { WalError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Standby } from '../standby.ts';
import { describeDrain, type StandbyReport } from './standby-report.ts';

/** What operators may ask of a standby (docs/STANDBY.md). */
export function standbyActions({
  standby,
  report,
  target,
  logger,
}: {
  readonly standby: Standby;
  readonly report: StandbyReport;
  readonly target: URL;
  readonly logger: Logger;
}): Readonly<Record<string, (body: unknown) => Promise<unknown>>> {
  return {
    '/pause': async () => {
      await standby.pause();
      logger.info('paused');
      return report.status(standby);
    },
    '/resume': async () => {
      await standby.resume();
      logger.info('resumed');
      return report.status(standby);
    },
    '/drain': async (body) => {
      const ends = parseLaneEnds(fieldsOf(body)['lanes']);
      if (ends === undefined) throw wrong();
      const fork = forkIn(body);
      const told = { to: originIn(body), after: afterIn(body) };
      // It is asked again and again until it is over.
      if (standby.promotion.kind === 'none') {
        logger.warn({ lanes: ends.map(({ lane, seq }) => `${lane}/${seq}`), fork }, 'draining');
      }
      return describeDrain(await standby.drain(ends, fork, told));
    },
    // Also once it has stopped for good: the target is only asked.
    '/target/probe': async () => describeProbe(await probeOnce(target, NOT_BARRED)),
    '/follow': async () => {
      const { promotion } = standby;
      if (promotion.kind === 'promoted') {
        throw new WalError('PROMOTE_REFUSED', 'the standby has stopped for good', {
          hint: 'If no proxy feeds its target, nor did: start it with --follow-again.',
        });
      }
      if (promotion.kind === 'draining') logger.warn('the drain is given up');
      return describeDrain(await standby.follow());
    },
  };
}

const NOT_BARRED = (): Promise<undefined> => Promise.resolve(undefined);

function forkIn(body: unknown): Fork | undefined {
  const { fork } = fieldsOf(body);
  if (fork === undefined || fork === null) return undefined;
  const parsed = parseFork(fork);
  if (parsed !== undefined) return parsed;
  throw new WalError('PROMOTE_REFUSED', '"fork" is not what docs/STANDBY.md says');
}

function originIn(body: unknown): string | undefined {
  const { to } = fieldsOf(body);
  if (to === undefined || to === null) return undefined;
  if (typeof to === 'string' && to.startsWith('http:') && URL.canParse(to))
    return new URL(to).origin;
  throw new WalError('PROMOTE_REFUSED', '"to" is no address of an OpenTSDB, as http://tsdb-2:4242');
}

function afterIn(body: unknown): number | undefined {
  const { after } = fieldsOf(body);
  if (after === undefined || after === null) return undefined;
  const order = parseSince(after);
  if (order !== undefined) return order;
  throw new WalError('PROMOTE_REFUSED', '"after" is no time, as 1780317200000');
}

function wrong(): WalError {
  return new WalError('PROMOTE_REFUSED', '"lanes" is not what /primary/hold of a proxy answers');
}
