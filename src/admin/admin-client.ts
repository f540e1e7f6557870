import { formatAddress, parseAddress } from '../config/address.ts';
import { WalError } from '../runtime/errors.ts';

export type AdminAnswer =
  | { readonly kind: 'answered'; readonly value: unknown }
  /** What was asked was not done. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Nothing is known of what became of it. */
  | { readonly kind: 'silent'; readonly reason: string };

/** The admin server of another process. Never rejects. */
export interface Admin {
  /** As people name it. */
  readonly address: string;
  get(path: string): Promise<AdminAnswer>;
  /** `body`: anything JSON can hold; undefined for none. */
  post(path: string, body?: unknown): Promise<AdminAnswer>;
}

const ANSWER_MS_MAX = 15_000;

/** Answered where several processes were to do something, and only some may have. */
export const PARTLY_DONE_STATUS = 502;

/** Throws CONFIG_INVALID when the text is no address. */
export function adminAt(flag: string, text: string): Admin {
  const address = parseAddress(text.replace(/^http:\/\//, '').replace(/\/$/, ''), '127.0.0.1');
  if (address === undefined) {
    throw new WalError('CONFIG_INVALID', `${flag} ${text} is no admin address`, {
      hint: 'Write 10.0.0.7:4244, say: what --admin of that process names.',
    });
  }
  return new AdminClient(formatAddress(address));
}

export class AdminClient implements Admin {
  readonly address: string;

  constructor(address: string) {
    this.address = address;
  }

  async get(path: string): Promise<AdminAnswer> {
    return this.#ask(path, {});
  }

  async post(path: string, body?: unknown): Promise<AdminAnswer> {
    const json = body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    return this.#ask(path, { method: 'POST', ...json });
  }

  async #ask(path: string, init: RequestInit): Promise<AdminAnswer> {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS_MAX);
      const answer = await fetch(`http://${this.address}${path}`, { ...init, signal });
      const text = await answer.text();
      if (answer.ok) return { kind: 'answered', value: JSON.parse(text) as unknown };
      const reason = reasonIn(text) ?? `${path} answers ${answer.status}`;
      return { kind: answer.status === PARTLY_DONE_STATUS ? 'silent' : 'refused', reason };
    } catch (error) {
      const { cause, message } = error as Error;
      const reason = cause instanceof Error && cause.message !== '' ? cause.message : message;
      return { kind: 'silent', reason };
    }
  }
}

function reasonIn(text: string): string | undefined {
  try {
    const { error, hint } = JSON.parse(text) as { readonly error?: string; readonly hint?: string };
    return hint ? `${error}. ${hint}` : error;
  } catch {
    return undefined;
  }
}
