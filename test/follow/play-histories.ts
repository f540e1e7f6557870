import fc from 'fast-check';

/** Milliseconds for histories; more by the environment for a longer search. */
export const BUDGET_MS = Number(process.env['FOLLOW_TEST_MS'] ?? 6_000);
const SEED = Number(process.env['FOLLOW_TEST_SEED'] ?? Date.now() % 1_000_000_000);

/**
 * Plays random histories, so many at once, until the budget is used up. Returns how many; throws with the steps of one that failed,
 * and the seed that plays it first.
 */
export async function playHistories<Step>(
  history: fc.Arbitrary<readonly Step[]>,
  atOnce: number,
  play: (steps: readonly Step[], seed: number) => Promise<void>,
): Promise<number> {
  const deadline = Date.now() + BUDGET_MS;
  let seed = SEED;
  let played = 0;
  const player = async (): Promise<void> => {
    while (Date.now() < deadline) {
      seed += 1;
      const own = seed;
      const [steps = []] = fc.sample(history, { numRuns: 1, seed: own });
      try {
        await play(steps, own);
      } catch (cause) {
        const text = steps.map((one) => JSON.stringify(one)).join('\n');
        throw new Error(`FOLLOW_TEST_SEED=${own - 1}: ${(cause as Error).message}\n${text}`, {
          cause,
        });
      }
      played += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, player));
  return played;
}
