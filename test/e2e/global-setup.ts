import type { TestProject } from 'vitest/node';
import { fetchJars, missingTools } from '../../scripts/stack/jars.ts';
import { sweep, throwawayPlace } from '../../scripts/stack/places.ts';
import { startStack } from '../../scripts/stack/stack.ts';

/** One HBase for all end-to-end tests of a run; each starts the OpenTSDBs that it needs, with tables of their own. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await sweep();
  const reason = await whyMissing();
  if (reason !== undefined) {
    // On CI a test that does not run is a test that does not count.
    if (process.env['CI'] === 'true') throw new Error(reason);
    project.provide('stack', { kind: 'missing', reason });
    return async () => undefined;
  }
  const stack = await startStack(await throwawayPlace());
  project.provide('stack', { kind: 'running', place: stack.place });
  return () => stack.down();
}

async function whyMissing(): Promise<string | undefined> {
  const missing = await missingTools();
  if (missing !== undefined) return missing;
  try {
    await fetchJars(['hbase', 'opentsdb']);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
