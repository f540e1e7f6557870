import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, in this order: what begins last of several at a time should not be waited for alone. Vitest
 * knows it only where it ran them before.
 */
const LONGEST = [
  'promote',
  'kill9-proxy',
  'archive',
  'kill9-tsd',
  'outage',
  'restore-flow',
  'topic-archive',
  'restore-killed',
].map((name) => `test/e2e/${name}.test.ts`);

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- Vitest's own order, of no array.
    const byKnown = await super.sort(files);
    return byKnown.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
  return index === -1 ? LONGEST.length : index;
}
