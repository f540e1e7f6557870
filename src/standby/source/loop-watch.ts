import { WalError } from '../../runtime/errors.ts';
import type { StandbySource } from './standby-source.ts';

/** Of a standby whose target is, or passes on to, the proxy that writes a lane of what it follows. */
export function standbyLoop(target: URL, lane: string): WalError {
  return new WalError(
    'STANDBY_LOOP',
    `${target.origin} is a proxy, or passes on to one, whose writes come to what this standby follows (lane ${lane}): it would feed itself without end`,
    {
      context: { target: target.origin, lane },
      hint: 'Name by --target the OpenTSDB that is to follow, not a proxy in front of the one that is followed.',
    },
  );
}

/**
 * Sees to it that a standby doesn't feed itself: what it gave would come back by what it follows, without end. The proxies that its target
 * answers through say so by their lanes; the source tells whose lanes it has. Neither is known first, and both change with every start of
 * a proxy: so it is looked at whenever one of them was asked. A proxy that logs elsewhere is an OpenTSDB like any.
 */
export class LoopWatch {
  readonly #target: URL;
  readonly #source: Pick<StandbySource, 'lanes'>;
  #through: readonly string[] = [];

  constructor(target: URL, source: Pick<StandbySource, 'lanes'>) {
    this.#target = target;
    this.#source = source;
  }

  /** The target answered through these. Throws STANDBY_LOOP. */
  answered(through: readonly string[]): void {
    this.#through = through;
    this.look();
  }

  /** The source was looked at. Throws STANDBY_LOOP. */
  look(): void {
    const { lanes } = this.#source;
    const lane = this.#through.find((one) => lanes.has(one));
    if (lane !== undefined) throw standbyLoop(this.#target, lane);
  }
}
