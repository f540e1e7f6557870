import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import kafkajs, { type CompressionTypes as CompressionType } from 'kafkajs';

// Node finds only the default export of it.
const { CompressionCodecs, CompressionTypes } = kafkajs;

export type Compression = 'none' | 'gzip' | 'zstd';

export const COMPRESSION_TYPES: Readonly<Record<Compression, CompressionType>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
};

type Convert = (bytes: Buffer) => Promise<Buffer>;

const gzip = promisify(zlib.gzip) as (bytes: Buffer, options: zlib.ZlibOptions) => Promise<Buffer>;
const gunzip: Convert = promisify(zlib.gunzip);

/** Since Node 22.15 and 23.8. */
const { zstdCompress, zstdDecompress } = zlib as {
  readonly zstdCompress?: typeof zlib.gzip;
  readonly zstdDecompress?: typeof zlib.gunzip;
};

export const HAS_ZSTD = zstdCompress !== undefined && zstdDecompress !== undefined;

/** kafkajs packs with gzip's level 6, which takes twice the time for a quarter less. */
const GZIP_LEVEL = 1;

/** Batches of a topic are packed by Kafka's own means, so that any consumer can read them. */
export function installCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = codec(
    (bytes) => gzip(bytes, { level: GZIP_LEVEL }),
    gunzip,
  );
  if (zstdCompress === undefined || zstdDecompress === undefined) return;
  const compress: Convert = promisify(zstdCompress);
  const decompress: Convert = promisify(zstdDecompress);
  CompressionCodecs[CompressionTypes.ZSTD] = codec(compress, decompress);
}

function codec(compress: Convert, decompress: Convert) {
  return () => ({
    compress: async ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
    decompress: async (bytes: Buffer) => decompress(bytes),
  });
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(this: RequestQueue): void;
}

/**
 * kafkajs 2.2.4 looks every millisecond whether requests are waiting, on each idle connection: 5 % of a core. With this it
 * looks only while some are. Throws when the version is another one and has no such method.
 */
export function calmRequestQueues(): void {
  const require = createRequire(import.meta.url);
  const queue = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
  const schedule: unknown = Reflect.get(queue.prototype, 'scheduleCheckPendingRequests');
  if (typeof schedule !== 'function') throw new Error('this version of kafkajs looks otherwise');
  queue.prototype.scheduleCheckPendingRequests = function calm(this: RequestQueue) {
    if (this.pending.length > 0) Reflect.apply(schedule, this, []);
  };
}
