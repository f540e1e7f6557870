import { type AdminServer, createAdminServer, type Health } from '../admin/admin-server.ts';
import { formatAddress, reachedHere } from '../config/address.ts';
import type { Config } from '../config/options.ts';
import { WalError } from '../runtime/errors.ts';
import { Metrics } from '../runtime/metrics.ts';
import { type AdminAnswer, AdminClient, PARTLY_DONE_STATUS } from '../admin/admin-client.ts';
import { mergeMetrics } from './worker-metrics.ts';
import { configOfWorker, type WorkerPlace } from './worker-places.ts';
import { mergeEnds, mergeFeedings, mergeProbes, mergeStatus } from './worker-status.ts';

/** A worker as the process that started it sees it. */
export interface WorkerView {
  readonly place: WorkerPlace;
  /** Undefined while it doesn't run. */
  readonly pid: number | undefined;
  readonly starts: number;
  readonly isStarted: boolean;
}

const ANSWER_MS_MAX = 5_000;

/** What operators ask of all workers, put together from what each says on an address of its own. */
export function createWorkersAdmin(
  config: Config,
  views: () => readonly WorkerView[],
): AdminServer {
  const own = new Metrics();
  const taking = (): readonly WorkerView[] => views().filter(({ place }) => !place.isDraining);
  own.gauge({
    name: 'workers_running',
    help: 'Processes that share the listening port and take writes.',
    sample: () => taking().filter(({ isStarted }) => isStarted).length,
  });
  own.gauge({
    name: 'worker_restarts',
    help: 'How often a worker ended without being asked to, and was started again.',
    sample: () => views().reduce((sum, { starts }) => sum + Math.max(0, starts - 1), 0),
  });
  const ask = async (view: WorkerView, path: string): Promise<string> =>
    askWorker(config, view, path);
  return createAdminServer({
    status: async () => {
      const asked = views().map(async (view) => ({
        worker: view.place.number,
        pid: view.pid ?? null,
        starts: view.starts,
        draining: view.place.isDraining,
        status: await ask(view, '/status').then(parseJson, () => null),
      }));
      const workers = await Promise.all(asked);
      const statuses = workers.map(({ status }) => status);
      return { ...(!statuses.includes(null) && mergeStatus(statuses)), workers };
    },
    health: async () => {
      const all = await Promise.all(views().map((view) => healthOf(view, ask)));
      return healthOfAll(all, taking());
    },
    ready: async () => {
      const answers = taking().map((view) => ask(view, '/ready').then(isReady, () => false));
      return (await Promise.all(answers)).every(Boolean);
    },
    actions: Object.fromEntries(
      STEPS.map((path) => [path, (body: unknown) => stepOfAll(config, views(), { path, body })]),
    ),
    metrics: {
      scrape: async () => {
        const answers = views().map(
          async (view) => [view.place.number, await ask(view, '/metrics').catch(() => '')] as const,
        );
        const merged = mergeMetrics(new Map(await Promise.all(answers)));
        const { contentType, text } = await own.scrape();
        return { contentType, text: `${text}\n${merged}` };
      },
    },
  });
}

/** Those of a promotion, as of one proxy. */
const STEPS = [
  '/primary/hold',
  '/primary/release',
  '/primary/claim',
  '/primary/switch',
  '/primary/ends',
  '/primary/probe',
] as const;

/**
 * Made by all, those that drain too, since each feeds the primary; or refused, though some may have made it. A switch, after which there
 * is no way back, is refused only when none can have made it; otherwise nothing is said of what became of it.
 */
async function stepOfAll(
  config: Config,
  views: readonly WorkerView[],
  { path, body }: { readonly path: string; readonly body: unknown },
): Promise<unknown> {
  const asked = views.map(async (view): Promise<AdminAnswer> => {
    if (view.pid === undefined) return { kind: 'refused', reason: 'it does not run' };
    return new AdminClient(addressOf(config, view)).post(path, body);
  });
  const answers = await Promise.all(asked);
  const values = answers.map((answer, index) => {
    if (answer.kind === 'answered') return answer.value;
    const reason = `worker ${views[index]?.place.number}: ${answer.reason}`;
    const isRefused = path !== '/primary/switch' || answers.every(({ kind }) => kind === 'refused');
    throw isRefused ? new WalError('PROMOTE_REFUSED', reason) : partlyDone(reason);
  });
  switch (path) {
    case '/primary/probe':
      return mergeProbes(values);
    case '/primary/ends':
      return mergeEnds(values);
    default:
      return mergeFeedings(values);
  }
}

function partlyDone(reason: string): Error {
  return Object.assign(new Error(reason), { statusCode: PARTLY_DONE_STATUS });
}

function addressOf(config: Config, { place }: WorkerView): string {
  return formatAddress(reachedHere(configOfWorker(config, place).admin));
}

type Ask = (view: WorkerView, path: string) => Promise<string>;

async function askWorker(config: Config, view: WorkerView, path: string): Promise<string> {
  if (view.pid === undefined) throw new Error('it does not run');
  const url = `http://${addressOf(config, view)}${path}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  return answer.text();
}

function parseJson(text: string): unknown {
  return JSON.parse(text);
}

function isReady(text: string): boolean {
  return (JSON.parse(text) as { readonly ready?: boolean }).ready === true;
}

async function healthOf(view: WorkerView, ask: Ask): Promise<Health> {
  const { number, isDraining } = view.place;
  const named = (reasons: readonly string[]): string[] =>
    reasons.map((reason) => `worker ${number}: ${reason}`);
  try {
    const { ok, reasons, degraded } = JSON.parse(await ask(view, '/health')) as Health;
    const draining = isDraining ? ['it brings to the end what an earlier start left'] : [];
    return { ok, reasons: named(reasons), degraded: named([...draining, ...degraded]) };
  } catch {
    const reasons = named(['it does not run, or does not answer']);
    // The others take the writes, and what its log holds waits.
    return { ok: true, reasons: [], degraded: reasons };
  }
}

/** Writes are taken while a worker runs that is to take them, and none that answers refuses them: clients reach any. */
function healthOfAll(all: readonly Health[], taking: readonly WorkerView[]): Health {
  const isTaking = taking.some(({ isStarted }) => isStarted);
  return {
    ok: isTaking && all.every(({ ok }) => ok),
    reasons: [
      ...(isTaking ? [] : ['no worker takes writes']),
      ...all.flatMap(({ reasons }) => reasons),
    ],
    degraded: all.flatMap(({ degraded }) => degraded),
  };
}
