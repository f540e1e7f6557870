import { rm, statfs } from 'node:fs/promises';
import type { Segment } from './log-files.ts';

export interface SpaceLimits {
  readonly bytesMax: number;
  readonly freeBytesMin: number;
}

/**
 * Why the log may not grow, if so. A disk that can't be asked for its free space isn't a reason: if it is
 * in trouble, the append itself will tell.
 */
export async function spaceRefusal(
  directory: string,
  bytes: number,
  limits: SpaceLimits,
): Promise<string | undefined> {
  const { bytesMax, freeBytesMin } = limits;
  if (bytes > bytesMax) {
    return `the log has reached wal.bytesMax (${bytesMax} bytes) and its followers have not passed its oldest file`;
  }
  const space = await statfs(directory).catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize < freeBytesMin
    ? `the disk has less than wal.freeBytesMin (${freeBytesMin} bytes) left`
    : undefined;
}

/** Removes a file of the log; says why it could not. */
export async function removeSegment(segment: Segment): Promise<string | undefined> {
  try {
    await rm(segment.path, { force: true });
    return undefined;
  } catch (error) {
    return `${segment.path} could not be removed: ${(error as Error).message}`;
  }
}
