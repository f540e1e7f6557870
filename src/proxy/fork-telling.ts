import type { PrimaryChoice } from '../follow/primary-choice.ts';
import type { DurableWritePath } from '../ingest/write-path/durable-write-path.ts';
import { type Fork, recordsIn } from '../record/fork.ts';
import { comparePositions, type Position } from '../record/position.ts';
import { WalError } from '../runtime/errors.ts';
import { formatInstant } from '../runtime/instant.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Wal } from '../wal/log.ts';
import type { Replication } from './replication.ts';

export interface ForkTellingOptions {
  readonly wal: Pick<Wal, 'durable' | 'now'>;
  readonly writePath: Pick<DurableWritePath, 'logControl'>;
  /** Undefined without Kafka. */
  readonly replication: Pick<Replication, 'acknowledged' | 'drain'> | undefined;
  readonly choice: Pick<PrimaryChoice, 'told'>;
  readonly logger: Logger;
}

/** Kafka has so long to get what the log is told before it is waited for anew. */
const KAFKA_MS_MAX = 10_000;

/** Tells the log, and Kafka, what a switch undoes: nobody may be sent what comes after it before they have it. */
export class ForkTelling {
  readonly #options: ForkTellingOptions;
  /** The fork that this process said last, and where the log had it. */
  #said: { readonly id: string; readonly by: Position } | undefined;

  constructor(options: ForkTellingOptions) {
    this.#options = options;
  }

  /** Durable there when it resolves, and the choice knows it. A start may tell it once more. Throws WAL_UNAVAILABLE, KAFKA_UNREACHABLE. */
  async tell(fork: Fork): Promise<void> {
    const { choice, replication, wal, logger } = this.#options;
    const by = await this.#say(fork);
    await replication?.drain(by, KAFKA_MS_MAX);
    const { acknowledged } = replication ?? { acknowledged: by };
    if (acknowledged === undefined || comparePositions(acknowledged, by) < 0) {
      throw new WalError('KAFKA_UNREACHABLE', 'Kafka does not have what is undone yet');
    }
    await choice.told(wal.now());
    const records = recordsIn(fork.undone);
    const at = formatInstant(fork.at);
    logger.warn({ fork: fork.id, at, records }, 'the log goes on from this moment');
  }

  /** Once, however often Kafka must be waited for. Returns a position by which the log has it. */
  async #say(fork: Fork): Promise<Position> {
    const { wal, writePath } = this.#options;
    if (this.#said?.id === fork.id) return this.#said.by;
    if (!(await writePath.logControl({ kind: 'fork', ...fork }))) {
      throw new WalError('WAL_UNAVAILABLE', 'the log cannot be told what is undone');
    }
    this.#said = { id: fork.id, by: wal.durable };
    return this.#said.by;
  }
}
