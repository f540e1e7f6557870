import type { Health } from '../../admin/admin-server.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RestoreEvent } from '../../restore/restore-request.ts';
import type { StandbyRequest } from './standby-request.ts';
import { VERSION } from '../../runtime/version.ts';

export interface BootstrapReportOptions {
  readonly request: StandbyRequest;
  readonly repository: string;
  readonly logger: Logger;
}

type Progress = Extract<RestoreEvent, { event: 'progress' }>;

/** Progress is told in the log at each such share. */
const STEP = 0.1;

/** Tells operators how the restore goes that a standby begins with. */
export class BootstrapReport {
  readonly #options: BootstrapReportOptions;
  #to: string | null = null;
  #progress: Progress | undefined;
  #toldAt = '';

  constructor(options: BootstrapReportOptions) {
    this.#options = options;
  }

  take(event: RestoreEvent): void {
    const { logger } = this.#options;
    switch (event.event) {
      case 'planned': {
        const { to, rows, metrics, series } = event;
        this.#to = to;
        logger.info({ to, rows, metrics, series }, 'restoring the target from the repository');
        break;
      }
      case 'target':
        if (event.kind === 'warning') logger.warn({ remedy: event.remedy }, event.says);
        break;
      case 'resuming':
        logger.info({ progress: event.progress }, 'going on with the restore');
        break;
      case 'restarting':
        logger.warn({ reason: event.reason }, 'the restore begins anew');
        break;
      case 'state':
        logger.info(
          { state: event.state, reason: event.reason },
          'the target while it is restored',
        );
        break;
      case 'progress':
        this.#take(event);
        break;
      case 'result': {
        const { outcome, seconds, counts } = event;
        logger.info({ outcome, seconds, points: counts?.points }, 'restored');
        break;
      }
      case 'error':
        break;
    }
  }

  /** What /status shows meanwhile; its shape is part of the interface (docs/JSON.md). */
  status(): unknown {
    const { request, repository } = this.#options;
    const { phase = null, progress = 0, etaSeconds = null } = this.#progress ?? {};
    return {
      version: VERSION,
      source: { kind: 'repository', place: repository },
      target: { url: request.target.origin, state: { kind: 'restoring' } },
      restore: { to: this.#to, phase, progress, etaSeconds },
    };
  }

  health(): Health {
    return { ok: true, reasons: [], degraded: ['the target is being restored'] };
  }

  #take(event: Progress): void {
    this.#progress = event;
    const { phase, progress, etaSeconds } = event;
    const at = `${phase} ${Math.floor(progress / STEP)}`;
    if (at === this.#toldAt) return;
    this.#toldAt = at;
    this.#options.logger.info({ phase, progress, etaSeconds }, 'restoring');
  }
}
