import type { QueryClient } from '../opentsdb/query-client.ts';
import { WalError } from '../runtime/errors.ts';
import type { MetricSpan } from './fold-query.ts';
import { NAMES_SHOWN } from './target-content.ts';
import {
  type Finding,
  judgeTarget,
  type RestoreDemands,
  type TargetFacts,
} from './target-rules.ts';

export interface PreflightOptions {
  readonly client: Pick<QueryClient, 'ask' | 'get' | 'holdsData'>;
  readonly target: URL;
  readonly metrics: readonly MetricSpan[];
  readonly demands: RestoreDemands;
}

/** More metrics than the TSD could ever suggest. */
const SUGGESTIONS_MAX = 16_777_216;
const QUESTIONS_MAX = 4;

/** Asks the target what it is and holds, and judges that. Throws TARGET_UNUSABLE when it doesn't answer as an OpenTSDB does. */
export async function preflight(options: PreflightOptions): Promise<Finding[]> {
  const { client, target, demands } = options;
  try {
    const { json: answer, through } = await client.ask('/api/version');
    const version = isObject(answer) ? answer['version'] : undefined;
    if (typeof version !== 'string') {
      throw new Error('it does not answer /api/version as an OpenTSDB does');
    }
    const config = await client.get('/api/config');
    const looked = await lookAtMetrics(options);
    const facts: TargetFacts = {
      version,
      config: isObject(config) ? config : undefined,
      ...looked,
      isProxied: through.length > 0,
    };
    return judgeTarget(facts, demands);
  } catch (cause) {
    if (cause instanceof WalError) throw cause;
    throw new WalError(
      'TARGET_UNUSABLE',
      `${target.origin} cannot be asked: ${(cause as Error).message}`,
      {
        cause,
        hint: 'Is it the address of a TSD that runs? `curl URL/api/version` must answer.',
      },
    );
  }
}

/** Throws TARGET_UNUSABLE with all that must be done, when a finding is a fault. */
export function refuseFaults(target: URL, findings: readonly Finding[]): void {
  const faults = findings.filter(({ kind }) => kind === 'fault');
  if (faults.length === 0) return;
  const says = faults.map((fault) => fault.says).join('; ');
  throw new WalError('TARGET_UNUSABLE', `${target.origin}: ${says}`, {
    context: { faults },
    hint: faults.map(({ remedy }) => remedy).join(' '),
  });
}

type Looked = Pick<TargetFacts, 'unknownMetrics' | 'heldMetrics' | 'otherMetrics'>;

async function lookAtMetrics({ client, metrics, demands }: PreflightOptions): Promise<Looked> {
  const known = await client.get(`/api/suggest?type=metrics&max=${SUGGESTIONS_MAX}`);
  const listed = new Set(Array.isArray(known) ? (known as readonly unknown[]) : []);
  const unknownMetrics: string[] = [];
  const heldMetrics: string[] = [];
  const otherMetrics: string[] = [];
  await forEach(metrics, async (span) => {
    // A listing without a start leaves out names that do not begin with ASCII; one that isn't there is asked for, too.
    const mayBeUnlisted = !/^[!-~]/.test(span.metric) || !Array.isArray(known);
    if (!listed.has(span.metric) && !mayBeUnlisted) unknownMetrics.push(span.metric);
    else if (demands.earlier !== 'this state') {
      const held = await holds(client, span);
      if (held === 'unknown name') unknownMetrics.push(span.metric);
      if (held === true) heldMetrics.push(span.metric);
    }
  });
  await forEach(wantsOthers(demands) ? othersOf(listed, metrics) : [], async (span) => {
    // That there are any is enough to know, and a full target has many.
    if (heldMetrics.length + otherMetrics.length > NAMES_SHOWN) return;
    if ((await holds(client, span)) === true) otherMetrics.push(span.metric);
  });
  return { unknownMetrics, heldMetrics, otherMetrics };
}

/** What another restore wrote may be of metrics that this one does not have. */
function wantsOthers({ earlier, others, allowOtherMetrics }: RestoreDemands): boolean {
  if (earlier === 'this state') return false;
  return earlier === 'another state' || others.length > 0 || !allowOtherMetrics;
}

/** A few at a time. */
async function forEach<T>(all: readonly T[], act: (one: T) => Promise<void>): Promise<void> {
  const rest = all[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const one of { [Symbol.iterator]: () => rest }) await act(one);
  };
  await Promise.all(Array.from({ length: QUESTIONS_MAX }, worker));
}

/** Listed metrics besides these, to be looked for about where these have their data. */
function othersOf(listed: ReadonlySet<unknown>, metrics: readonly MetricSpan[]): MetricSpan[] {
  const wanted = new Set(metrics.map(({ metric }) => metric));
  let [fromMs, toMs] = [Infinity, 0];
  for (const { firstMs, lastMs } of metrics) {
    fromMs = Math.min(fromMs, firstMs);
    toMs = Math.max(toMs, lastMs);
  }
  return [...listed].flatMap((metric) =>
    typeof metric === 'string' && !wanted.has(metric)
      ? [{ metric, firstMs: Math.min(fromMs, toMs), lastMs: toMs }]
      : [],
  );
}

/** First where data are likely, so that a full target is not asked to read all of it. */
async function holds(
  client: PreflightOptions['client'],
  { metric, firstMs, lastMs }: MetricSpan,
): Promise<boolean | 'unknown name'> {
  const hourMs = 3_600_000;
  for (const [fromMs, toMs] of [
    [lastMs - hourMs, lastMs],
    [firstMs, firstMs + hourMs],
    [firstMs, lastMs],
    [0, Infinity],
  ] as const) {
    const held = await client.holdsData(metric, fromMs, toMs);
    if (held !== false) return held;
  }
  return false;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
