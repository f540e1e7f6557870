import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeFrameHeader, FRAME_HEADER_BYTES, laneSeed } from '../../src/record/frame.ts';
import { parseSegmentName, SEGMENT_HEADER_BYTES } from '../../src/wal/segment-file.ts';
import { TestLog } from './wal-log.ts';

/** Where a frame stands in a file, and which records it holds. */
interface FramePlace {
  readonly start: number;
  readonly end: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export interface SegmentPlace {
  readonly name: string;
  readonly lane: string;
  readonly bytes: number;
  readonly frames: readonly FramePlace[];
}

/** Writes a log of as many lanes as asked, one frame a record, several files a lane. */
export async function writeLog(directory: string, lanes: number, records: number): Promise<void> {
  for (let lane = 0; lane < lanes; lane += 1) {
    const log = await TestLog.open(directory, { segmentBytes: 3_000 });
    for (let n = 1; n <= records; n += 1) {
      await log.write([`put m ${n} ${lane} a=${'x'.repeat(50 + ((n * 37) % 500))}`]);
    }
    await log.wal.close();
  }
}

/** The intact files of a log, in order. */
export async function listSegments(directory: string): Promise<SegmentPlace[]> {
  const names = (await readdir(directory)).filter((name) => parseSegmentName(name)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(directory, name));
      const lane = parseSegmentName(name)?.lane ?? '';
      return { name, lane, bytes: bytes.length, frames: framesOf(bytes, lane) };
    }),
  );
}

function framesOf(bytes: Buffer, lane: string): FramePlace[] {
  const frames: FramePlace[] = [];
  for (let start = SEGMENT_HEADER_BYTES; ;) {
    const header = decodeFrameHeader(bytes, start, laneSeed(lane));
    if (header === undefined) return frames;
    const { firstSeq, records } = header;
    const end = start + FRAME_HEADER_BYTES + header.bodyBytes;
    frames.push({ start, end, firstSeq, lastSeq: firstSeq + records - 1 });
    start = end;
  }
}

/** A copy of a folder's files, to be damaged. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isFile()) await copyFile(join(from, entry.name), join(to, entry.name));
  }
}
