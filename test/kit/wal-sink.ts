import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type OpenSink, openSyncedSink, type SegmentSink } from '../../src/wal/segment-writer.ts';

/** Throws what the next writes shall fail with; called before each. */
export type Trouble = (write: { bytes: Buffer; offset: number; path: string }) => void;

/** The real sink, of which chosen writes fail. `landed`: their bytes reach the file all the same. */
export function failingSink(trouble: Trouble, landed = false): OpenSink {
  return async (path) => {
    const sink = await openSyncedSink(path);
    return {
      async write(bytes, offset) {
        try {
          trouble({ bytes, offset, path });
        } catch (error) {
          if (landed) await sink.write(bytes, offset);
          throw error;
        }
        await sink.write(bytes, offset);
      },
      finish: (bytes) => sink.finish(bytes),
      abandon: () => sink.abandon(),
    };
  };
}

export function diskError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated`), { code });
}

const SECTOR_BYTES = 512;

/** A disk that keeps what was synced and, at a power cut, any sectors of the writes under way. */
export class PowerCutDisk {
  readonly #files = new Map<string, Buffer>();
  readonly #underWay = new Map<string, { bytes: Buffer; offset: number }>();
  #isCut = false;

  readonly open: OpenSink = (path) => {
    this.#failAfterCut();
    writeFileSync(path, '');
    this.#files.set(path, Buffer.alloc(0));
    return Promise.resolve(this.#sink(path));
  };

  /** Puts the files into a folder as they are found after the cut. `keeps` tells for each sector under way if it is there. */
  cut(folder: string, keeps: () => boolean): void {
    this.#isCut = true;
    for (const [path, { bytes, offset }] of this.#underWay) {
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
        if (keeps()) this.#put(path, bytes.subarray(at, end), offset + at);
        at = end;
      }
    }
    mkdirSync(folder, { recursive: true });
    for (const [path, bytes] of this.#files) writeFileSync(join(folder, basename(path)), bytes);
  }

  #sink(path: string): SegmentSink {
    return {
      write: async (bytes, offset) => {
        this.#underWay.set(path, { bytes: Buffer.from(bytes), offset });
        await new Promise((resolve) => setImmediate(resolve));
        this.#failAfterCut();
        this.#underWay.delete(path);
        this.#put(path, bytes, offset);
      },
      finish: () => {
        this.#failAfterCut();
        return Promise.resolve();
      },
      abandon: () => Promise.resolve(),
    };
  }

  #failAfterCut(): void {
    if (this.#isCut) throw diskError('EIO');
  }

  #put(path: string, bytes: Buffer, offset: number): void {
    const before = this.#files.get(path) ?? Buffer.alloc(0);
    const after = Buffer.alloc(Math.max(before.length, offset + bytes.length));
    before.copy(after);
    bytes.copy(after, offset);
    this.#files.set(path, after);
  }
}
