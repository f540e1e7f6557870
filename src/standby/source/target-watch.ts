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

/** Of a standby whose target is fed by proxies already. */
export function fedByProxies(target: string, who: string): WalError {
  return new WalError('TARGET_IS_PRIMARY', `--target ${target} is what ${who}`, {
    hint: 'A standby is a second OpenTSDB: name that. Given to the primary again, the log could put older values over newer ones.',
  });
}

/**
 * Sees to it that a standby doesn't feed what proxies feed since a promotion, as they say with what they write, nor itself: what it gave would come back by what it follows, without end. The proxies that its target
 * answers through say so by their lanes; the source tells whose lanes it has. Neither is known first, and both change with every start of
 * a proxy: so it is looked at whenever one of them was asked. A proxy that logs elsewhere is an OpenTSDB like any.
 */
export class TargetWatch {
  readonly #target: URL;
  readonly #source: Pick<StandbySource, 'lanes' | 'isPrimary'>;
  #through: readonly string[] = [];

  constructor(target: URL, source: Pick<StandbySource, 'lanes' | 'isPrimary'>) {
    this.#target = target;
    this.#source = source;
  }

  /** The target answered through these. Throws STANDBY_LOOP. */
  answered(through: readonly string[]): void {
    this.#through = through;
    this.#assertNoLoop();
  }

  /** The source was looked at, to its end. Throws STANDBY_LOOP, TARGET_IS_PRIMARY. */
  looked(): void {
    this.#assertNoLoop();
    const { origin } = this.#target;
    // Before the end, what was said last isn't known.
    if (this.#source.isPrimary(origin)) {
      throw fedByProxies(origin, 'proxies of this topic feed since a promotion');
    }
  }

  #assertNoLoop(): void {
    const { lanes } = this.#source;
    const lane = this.#through.find((one) => lanes.has(one));
    if (lane !== undefined) throw standbyLoop(this.#target, lane);
  }
}
