import { fieldsOf } from '../record/fields.ts';

/** What `promote` reads of one proxy's `/status`, for all workers as one. */
export function mergeStatus(statuses: readonly unknown[]): object {
  const all = statuses.map(fieldsOf);
  const logs = all.map(({ log }) => fieldsOf(log));
  const refusals = logs.flatMap(({ taking, refusal }) =>
    taking === true ? [] : [String(refusal)],
  );
  const primaries = all.map(({ primary }) => fieldsOf(primary));
  const away = primaries.find(({ state }) => fieldsOf(state)['kind'] !== 'live') ?? primaries[0];
  const [kafka] = all.flatMap((one) => (one['kafka'] === undefined ? [] : [one['kafka']]));
  return {
    version: all[0]?.['version'],
    connections: all.reduce((sum, { connections }) => sum + Number(connections), 0),
    log: {
      taking: refusals.length === 0,
      ...(refusals.length > 0 && { refusal: refusals.join('; ') }),
      lanes: logs.flatMap(({ lanes }) => lanes ?? []),
    },
    primary: {
      ...mergeFeedings(primaries),
      urls: [...new Set(primaries.map(({ url }) => url))],
      state: away?.['state'],
      unconfirmedSeconds: oldestOf(primaries),
    },
    ...(kafka !== undefined && { kafka: { topic: fieldsOf(kafka)['topic'] } }),
  };
}

/** Undefined: one of them doesn't say. */
function oldestOf(primaries: readonly Readonly<Record<string, unknown>>[]): number | undefined {
  const ages = primaries.map(({ unconfirmedSeconds }) => Number(unconfirmedSeconds));
  return ages.some(Number.isNaN) ? undefined : Math.max(...ages);
}

/** As one that is held tells of itself: what is not the same everywhere is told of those that are held, or of the old primary. */
export function mergeFeedings(feedings: readonly unknown[]): object {
  const all = feedings.map(fieldsOf);
  const held = all.find(({ heldSince }) => heldSince !== null);
  const misled = all.find(({ url, configured }) => url === configured);
  const { url, configured, since, heldSince, fencedBy } = held ?? misled ?? all[0] ?? {};
  const lanes = all.flatMap((one) => one['lanes'] as unknown[]);
  return { url, configured, since, heldSince, fencedBy, lanes };
}

/** Why one of them does not reach it; and when what they reached was started, which is several where they reach several. */
export function mergeProbes(probes: readonly unknown[]): object {
  const all = probes.map(fieldsOf);
  const troubles = all.map(({ trouble }) => trouble ?? null);
  return {
    trouble: troubles.find((trouble) => trouble !== null) ?? null,
    startedAt: [...new Set(all.flatMap(({ startedAt = [] }) => startedAt as unknown[]))],
  };
}

/** The lanes of all of them. */
export function mergeEnds(ends: readonly unknown[]): object {
  const all = ends.map(fieldsOf);
  return {
    lanes: all.flatMap(({ lanes }) => lanes as unknown[]),
    later: all.flatMap(({ later }) => later as unknown[]),
    around: all.flatMap(({ around = [] }) => around as unknown[]),
  };
}
