import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../kit/ports.ts';
import { tempDirectory, type TempDirectory } from '../../kit/temp.ts';
import { MainProcess } from './main-process.ts';

const LIMITS = { statusMsMax: 60_000, pollMs: 50, tailLines: 30 } as const;

/** What tests read of `/status`. */
export interface StandbyStatus {
  readonly target: { readonly state: { readonly kind: string } };
  readonly paused: boolean;
  readonly lagSeconds: number;
  readonly lagRecords: number;
  /** Absent while its target is restored. */
  readonly contains: {
    readonly latest: string | null;
    readonly lanes: readonly { readonly lane: string; readonly seq: number }[];
  };
  readonly seen: { readonly complete: boolean; readonly lanes: readonly object[] };
  readonly holes: readonly object[];
}

/** The built `tsdb-wal standby` as a process of its own, with a state that it keeps from start to start. */
export class StandbyProcess implements AsyncDisposable {
  /** `HOST:PORT`, as other commands name it. */
  readonly admin: string;
  readonly #flags: readonly string[];
  readonly #state: TempDirectory;
  #process: MainProcess | undefined;

  private constructor(flags: readonly string[], state: TempDirectory, admin: string) {
    this.#flags = flags;
    this.#state = state;
    this.admin = admin;
  }

  /** `flags`: what it follows and its target. */
  static async start(
    flags: readonly string[],
    more: readonly string[] = [],
  ): Promise<StandbyProcess> {
    const admin = `127.0.0.1:${await freePort()}`;
    const standby = new StandbyProcess(flags, await tempDirectory('standby'), admin);
    standby.start(more);
    return standby;
  }

  get adminUrl(): string {
    return `http://${this.admin}`;
  }

  /** With other flags than before, when they are given. */
  start(more: readonly string[] = []): void {
    const place = ['--state', join(this.#state.path, 'state'), '--admin', this.admin];
    const limits = ['--delivery-heal-window', '500ms'];
    this.#process = MainProcess.start('standby', ...this.#flags, ...place, ...limits, ...more);
  }

  /** All that it printed since its last start. */
  get lines(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  async status(): Promise<StandbyStatus> {
    return (await (await fetch(`${this.adminUrl}/status`)).json()) as StandbyStatus;
  }

  async ask(action: 'pause' | 'resume'): Promise<StandbyStatus> {
    const answer = await fetch(`${this.adminUrl}/${action}`, { method: 'POST' });
    return (await answer.json()) as StandbyStatus;
  }

  /** Resolves once `/status` is as wanted; rejects, with what it says instead, when it stays otherwise. */
  async until(
    holds: (status: StandbyStatus) => boolean,
    msMax: number = LIMITS.statusMsMax,
  ): Promise<StandbyStatus> {
    const deadline = Date.now() + msMax;
    for (;;) {
      const status = await this.status().catch(() => undefined);
      // While its target is restored it has nothing to say of that.
      if (status?.contains !== undefined && holds(status)) return status;
      if (Date.now() > deadline) {
        const tail = this.lines.slice(-LIMITS.tailLines).join('\n');
        throw new Error(`the status stays ${JSON.stringify(status)}; its last lines:\n${tail}`);
      }
      await sleep(LIMITS.pollMs);
    }
  }

  /** Resolves once it has printed such a line since its last start; rejects when it ended without. */
  async untilSaid(text: string): Promise<void> {
    await this.#process?.until(text);
  }

  /** Resolves once its target surely contains these records. */
  async contains(records: readonly { readonly lane: string; readonly seq: number }[]) {
    return this.until(({ contains }) =>
      records.every(({ lane, seq }) =>
        contains.lanes.some((one) => one.lane === lane && one.seq >= seq),
      ),
    );
  }

  async kill9(): Promise<void> {
    await this.#process?.kill9();
  }

  /** Its exit code, once it has ended by itself. */
  async ended(): Promise<number | null> {
    return (await this.#process?.end()) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
    await this.#state[Symbol.asyncDispose]();
  }
}
