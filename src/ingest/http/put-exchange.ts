import { errorBody } from '../../opentsdb/put-reply.ts';
import type { Admission } from '../admission.ts';
import type { Peer } from '../peer.ts';

/** A request's way back to its client, with the bytes that it holds until it is answered. */
export abstract class PutExchange {
  readonly peer: Peer;
  readonly #admission: Admission;
  #bytes = 0;
  #ended = false;

  constructor(peer: Peer, admission: Admission) {
    this.peer = peer;
    this.#admission = admission;
  }

  /** Answers in JSON, or with no body; `retryAfter` in seconds. */
  abstract answer(status: number, body?: string, retryAfter?: number): void;

  /** A bug on our side. */
  abstract fail(error: unknown): void;

  answerError(status: number, message: string, details?: string): void {
    this.answer(status, errorBody(status, message, details));
  }

  /** 503 for a state that passes. */
  answerBusy(message: string): void {
    this.answer(503, errorBody(503, message), 1);
  }

  /** Bytes taken from the budgets so far. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Takes bytes from the budgets; they are given back when the exchange ends. */
  tryAcquire(bytes: number): boolean {
    if (!this.#admission.tryAcquire(this.peer.address, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Counts what is in memory already, whatever the budgets say: they are then closed to others. */
  hold(bytes: number): void {
    this.#admission.take(this.peer.address, bytes);
    this.#bytes += bytes;
  }

  /** Gives back what is held. Repeated calls do nothing. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#bytes > 0) this.#admission.release(this.peer.address, this.#bytes);
  }
}
