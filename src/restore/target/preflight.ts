import type { QueryClient } from '../../opentsdb/query-client.ts';
import { suggestMetrics } from '../../opentsdb/suggest-metrics.ts';
import { WalError } from '../../runtime/errors.ts';
import type { MetricExtent } from '../fold/fold-query.ts';
import { forEach, holds, someHeld, spansOf } from './held-metrics.ts';
import { NAMES_SHOWN } from './target-content.ts';
import {
  type TargetFinding,
  judgeTarget,
  type RestoreDemands,
  type TargetFacts,
} from './target-rules.ts';

export interface PreflightOptions {
  readonly client: Pick<QueryClient, 'ask' | 'get' | 'holdsData'>;
  readonly target: URL;
  readonly metrics: readonly MetricExtent[];
  readonly demands: RestoreDemands;
}

/** Asks the target what it is and holds, and judges that. Throws TARGET_UNUSABLE when it doesn't answer as an OpenTSDB does. */
export async function preflight(options: PreflightOptions): Promise<TargetFinding[]> {
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
export function refuseFaults(target: URL, findings: readonly TargetFinding[]): void {
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
  const known = await suggestMetrics(client);
  const listed = new Set(known);
  const unknownMetrics: string[] = [];
  const heldMetrics: string[] = [];
  await forEach(metrics, async (span) => {
    // A listing without a start leaves out names that do not begin with ASCII; one that isn't there is asked for, too.
    const mayBeUnlisted = !/^[!-~]/.test(span.metric) || known === undefined;
    if (!listed.has(span.metric) && !mayBeUnlisted) unknownMetrics.push(span.metric);
    else if (demands.earlier !== 'this state') {
      const held = await holds(client, span);
      if (held === 'unknown name') unknownMetrics.push(span.metric);
      if (held === true) heldMetrics.push(span.metric);
    }
  });
  const others = wantsOthers(demands) ? othersOf(listed, metrics) : [];
  // That there are any is enough to know, and a full target has many.
  const otherMetrics = await someHeld(client, others, NAMES_SHOWN + 1 - heldMetrics.length);
  return { unknownMetrics, heldMetrics, otherMetrics };
}

/** What another restore wrote may be of metrics that this one does not have. */
function wantsOthers({ earlier, others, allowOtherMetrics }: RestoreDemands): boolean {
  if (earlier === 'this state') return false;
  return earlier === 'another state' || others.length > 0 || !allowOtherMetrics;
}

/** Listed metrics besides these, to be looked for about where these have their data. */
function othersOf(listed: ReadonlySet<string>, metrics: readonly MetricExtent[]): MetricExtent[] {
  const wanted = new Set(metrics.map(({ metric }) => metric));
  let [fromMs, toMs] = [Infinity, 0];
  for (const { firstMs, lastMs } of metrics) {
    fromMs = Math.min(fromMs, firstMs);
    toMs = Math.max(toMs, lastMs);
  }
  const others = [...listed].filter((metric) => !wanted.has(metric));
  return spansOf(others, Math.min(fromMs, toMs), toMs);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
