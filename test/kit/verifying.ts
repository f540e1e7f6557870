import { join } from 'node:path';
import { ContentReader } from '../../src/archive/search/content-reader.ts';
import { Duckdb } from '../../src/archive/duckdb.ts';
import type { Finding } from '../../src/archive/verify/finding.ts';
import {
  verifyRepository,
  type Verified,
  type VerifyOptions,
} from '../../src/archive/verify/verify.ts';
import type { FileStore } from '../../src/storage/file-store.ts';
import { type TempDirectory, tempDirectory } from './temp.ts';

/** What a test needs to verify repositories, again and again. */
export class Verifying implements AsyncDisposable {
  /** Makes data objects. */
  readonly duckdb: Duckdb;
  readonly contents: ContentReader;
  readonly #folder: TempDirectory;

  private constructor(duckdb: Duckdb, contents: ContentReader, folder: TempDirectory) {
    this.duckdb = duckdb;
    this.contents = contents;
    this.#folder = folder;
  }

  static async open(): Promise<Verifying> {
    const folder = await tempDirectory('verify');
    const open = async (name: string): Promise<Duckdb> =>
      Duckdb.open({ scratch: join(folder.path, name), memoryMb: 200, threads: 1 });
    return new Verifying(await open('made'), new ContentReader(() => open('read')), folder);
  }

  async run(
    store: FileStore,
    options: Partial<VerifyOptions> = {},
  ): Promise<Verified & { readonly findings: readonly Finding[] }> {
    return verifyStore(store, { contents: this.contents, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.duckdb.close();
    this.contents.close();
    await this.#folder[Symbol.asyncDispose]();
  }
}

async function verifyStore(
  store: FileStore,
  options: Partial<VerifyOptions>,
): Promise<Verified & { readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const verified = await verifyRepository({
    store,
    contents: undefined,
    sinceMs: -Infinity,
    signal: new AbortController().signal,
    now: () => Date.now(),
    report: (finding) => findings.push(finding),
    onChecked: () => undefined,
    ...options,
  });
  return { ...verified, findings };
}

export async function findingsOf(
  store: FileStore,
  contents: ContentReader,
): Promise<readonly Finding[]> {
  return (await verifyStore(store, { contents })).findings;
}

/** The objects of those that restores care for. */
export function damagedObjects(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ severity, object }) => (severity === 'damage' ? [object] : []));
}

/** Those that have all of these parts. */
export async function namesOf(store: FileStore, ...parts: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list('')) {
    if (parts.every((part) => name.includes(part))) names.push(name);
  }
  return names;
}
