import { createAdminServer } from '../../admin/admin-server.ts';
import type { Config } from '../../config/options.ts';
import type { WalError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { TopicArchiveStatus } from './topic-archive-status.ts';

/** What an archiver of a topic tells, and the server that answers those who ask for it. */
export class TopicArchiveAdmin {
  readonly status: TopicArchiveStatus;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #server: ReturnType<typeof createAdminServer>;

  constructor(config: Config, logger: Logger) {
    const metrics = new Metrics();
    const status = new TopicArchiveStatus({ config, metrics, logger });
    this.#config = config;
    this.#logger = logger;
    this.status = status;
    this.#server = createAdminServer({
      status: async () => {
        await status.look();
        return status.status;
      },
      health: async () => {
        await status.look();
        return status.health;
      },
      ready: () => status.isArchiving,
      metrics,
    });
  }

  /** Beside a proxy, or another one, it may find its address taken: it archives all the same. */
  async start(): Promise<void> {
    try {
      await this.#server.start(this.#config.admin);
    } catch (error) {
      const { message, hint } = error as WalError;
      this.#logger.warn({ hint }, `${message}: nobody can ask how this archiver is doing`);
    }
  }

  async close(): Promise<void> {
    await this.#server.close();
  }
}
