import type { Config } from '../../config/options.ts';
import { PrimaryChoice } from '../../follow/primary-choice.ts';
import { KafkaConnection } from '../../kafka/connection.ts';
import { OtherLanes } from '../../kafka/other-lanes.ts';
import { standingOf, tellFenced } from '../../proxy/fence.ts';
import type { Term } from '../../record/term.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { ConfigFinding } from './finding.ts';

const TIMEOUT_MS = 5_000;

/** Whether a proxy would feed its primary, by what all that write to its topic `said` last. */
export async function checkTerm(
  { data, primary, kafka }: Config,
  said: readonly Term[],
): Promise<ConfigFinding | undefined> {
  // Without a topic others say nothing, and what this one said keeps nothing from being fed.
  if (kafka.brokers.length === 0) return undefined;
  const { heard, ...own } = await PrimaryChoice.look(data, primary);
  for (const term of said) heard.note(term);
  const standing = standingOf(own, heard);
  if (standing.kind !== 'over') return undefined;
  return { kind: 'warning', says: tellFenced(own.primary, standing.term) };
}

/**
 * What all that write to the topic said last, as far as it can be read: a proxy, too, feeds what it knows where it can't. Of the proxies
 * themselves as well, who say what they know.
 */
export async function termsSaid({ kafka }: Config): Promise<readonly Term[]> {
  const terms: Term[] = [];
  if (kafka.brokers.length === 0) return terms;
  try {
    const others = new OtherLanes({
      connection: await KafkaConnection.open(kafka),
      topic: kafka.topic.name,
      clock: systemClock,
      owns: () => false,
      onTerm: (term) => terms.push(term),
    });
    await others.lookBack(AbortSignal.timeout(TIMEOUT_MS)).finally(() => others.close());
  } catch {
    // Why the topic can't be used is told by who looks at that.
  }
  return terms;
}
