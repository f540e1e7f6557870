import type { Catalog } from '../holdings/catalog.ts';
import type { LocalSegments } from './searched-segments.ts';
import { LOOKS_MAX } from '../tail/read-tails.ts';
import { findHistory, type Sources } from '../tail/sources.ts';
import { buildTail, type TailBuilderOptions } from '../tail/tail-builder.ts';
import type { Damaged } from '../holdings/without-damaged.ts';

/**
 * What the sources hold, with segments made of what only the log or the topic has. What is archived meanwhile is looked for anew.
 * `damaged`: segments of the repository that can't be used.
 */
export async function readHistory(
  sources: Sources,
  options: Omit<TailBuilderOptions, 'catalog' | 'tail' | 'topic'>,
  damaged?: Damaged,
): Promise<{ readonly catalog: Catalog; readonly local: LocalSegments }> {
  for (let look = 1; ; look += 1) {
    const { archived, tail, topic } = await findHistory(sources, { ...options, damaged });
    if (tail === undefined && topic === undefined) return { catalog: archived, local: new Map() };
    const built = await buildTail({ ...options, catalog: archived, tail, topic });
    if (!built.isMoved || look === LOOKS_MAX) return built;
  }
}
