import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openSyncedSink } from '../../src/wal/segment-writer.ts';
import { tempDirectory } from '../kit/temp.ts';

test('a segment holds its appends, small and large in any turn, and nothing after them once it is finished', async () => {
  await using folder = await tempDirectory('segment');
  const size = fc.oneof(
    fc.integer({ min: 1, max: 900 }),
    fc.integer({ min: 60_000, max: 500_000 }),
  );
  let file = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 12 }), async (sizes) => {
      file += 1;
      const path = join(folder.path, `${file}`);
      const sink = await openSyncedSink(path);
      const appends = sizes.map((bytes, index) => Buffer.alloc(bytes, index + 1));
      let offset = 0;
      for (const bytes of appends) {
        await sink.write(bytes, offset);
        offset += bytes.length;
      }
      await sink.finish(offset);
      const held = await readFile(path);
      expect(held.equals(Buffer.concat(appends))).toBe(true);
    }),
    { numRuns: 15 },
  );
});
