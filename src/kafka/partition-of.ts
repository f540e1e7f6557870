import { crc32 } from 'node:zlib';

/** Where a lane begins in a topic of so many partitions; it stays there when the topic is given more. */
export function partitionOf(lane: string, partitions: number): number {
  return crc32(lane) % partitions;
}
