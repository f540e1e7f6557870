import { once } from 'node:events';
import { join } from 'node:path';
import { readCatalog } from '../../../src/archive/holdings/catalog.ts';
import { computeCoverage } from '../../../src/archive/holdings/coverage.ts';
import type { ArchiveRig } from '../../archive/archive-rig.ts';
import type { PlainRecord } from '../../kit/plain-rows.ts';
import { type MainChild, spawnMain } from '../../kit/spawn-main.ts';

/** A process `tsdb-wal archive` of a topic. */
export class ArchiveMember {
  readonly #arguments: readonly string[];
  readonly #isQuiet: boolean;
  #child: MainChild | undefined;

  constructor(
    rig: ArchiveRig,
    {
      brokers,
      topic,
      name,
      flags = [],
      isQuiet = false,
    }: {
      readonly brokers: string;
      readonly topic: string;
      readonly name: string;
      readonly flags?: readonly string[];
      /** It says nothing of its troubles, since there are to be some. */
      readonly isQuiet?: boolean;
    },
  ) {
    const data = join(rig.folder, `member-${name}`);
    const places = ['--data', data, '--repository', rig.place, '--log-level', 'error'];
    this.#arguments = ['archive', '--kafka', brokers, '--topic', topic, ...places, ...flags];
    this.#isQuiet = isQuiet;
  }

  start(): void {
    const child = spawnMain(this.#arguments);
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (this.#isQuiet) stream.resume();
      else stream.on('data', (text: Buffer) => process.stderr.write(text));
    }
  }

  /** It goes on afterwards. SIGSTOP: for longer than the group waits for it. */
  async disturb(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.kill(signal);
    if (signal === 'SIGSTOP') {
      await new Promise((resolve) => setTimeout(resolve, 12_000));
      child.kill('SIGCONT');
      return;
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.start();
  }

  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    if (this.#child.signalCode === null) await once(this.#child, 'exit');
  }
}

/** Lanes of which something is not archived yet. */
export async function notArchived(
  rig: ArchiveRig,
  lanes: ReadonlyMap<string, readonly PlainRecord[]>,
): Promise<string[]> {
  const coverage = computeCoverage(await readCatalog(rig.repository.store));
  return [...lanes]
    .filter(([lane, records]) => {
      const covered = coverage.lanes.find((one) => one.lane === lane)?.covered ?? [];
      return covered.length !== 1 || covered[0]?.lastSeq !== records.length;
    })
    .map(([lane]) => lane);
}
