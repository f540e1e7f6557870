import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  formatBeginName,
  formatDataName,
  formatSidecarName,
  type Level,
  type SegmentName,
} from '../../../src/archive/format/object-names.ts';
import type { Duckdb } from '../../../src/archive/duckdb.ts';
import { SegmentBuilder } from '../../../src/archive/write/segment-builder.ts';
import { createRepository, type Repository } from '../../../src/archive/repository.ts';
import {
  type DataObject,
  formatBegin,
  formatSidecar,
} from '../../../src/archive/format/sidecar.ts';
import type { Fork } from '../../../src/record/fork.ts';
import { formatRecordHeader } from '../../../src/record/record.ts';
import { parsePutLine } from '../../../src/opentsdb/put-line.ts';
import { tempDirectory } from '../../kit/temp.ts';
import type { MadeLane, MadeRecord } from './history.ts';

/** Sequences of the records in one object, both included. */
export interface MadeObject {
  readonly level: Level;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A repository with made-up content, written without the archiver. */
export class Fabricated implements AsyncDisposable {
  readonly repository: Repository;
  /** When what is written from now on was archived, as it says; epoch ms. */
  archivedAt = 1_000;
  readonly #directory: string;
  readonly #end: () => Promise<void>;

  /** Makes the data objects; undefined: they are made up here, by the plainest reading of docs/FORMATS.md. */
  readonly #duckdb: Duckdb | undefined;

  private constructor(
    repository: Repository,
    directory: string,
    { duckdb, end }: { duckdb: Duckdb | undefined; end: () => Promise<void> },
  ) {
    this.repository = repository;
    this.#directory = directory;
    this.#duckdb = duckdb;
    this.#end = end;
  }

  /** `folder`: what the repository's own folder is called. With `duckdb` the archiver's own code makes the data objects. */
  static async create(folder = 'repository', duckdb?: Duckdb): Promise<Fabricated> {
    const temp = await tempDirectory('fabricated');
    const repository = await createRepository(join(temp.path, folder), 1_000);
    const end = async (): Promise<void> => temp[Symbol.asyncDispose]();
    return new Fabricated(repository, temp.path, { duckdb, end });
  }

  get scratch(): string {
    return join(this.#directory, 'scratch');
  }

  /** Registers the lanes, each after the one before it, and writes the objects of each. Where one begins earlier, the clock was set back. */
  async write(
    lanes: readonly MadeLane[],
    objects: (lane: MadeLane) => readonly MadeObject[],
  ): Promise<void> {
    for (const [index, lane] of lanes.entries()) {
      const before = lanes[index - 1];
      const openedAt = lane.records[0]?.receivedAt ?? 0;
      const from = before?.records.at(-1)?.receivedAt ?? openedAt;
      const begin = {
        lane: lane.lane,
        ordinal: index + 1,
        firstSeq: 1,
        openedAt,
        previous:
          before === undefined ? null : { lane: before.lane, lastSeq: before.records.length },
        reason: 'start',
        disputed: openedAt < from ? { from, to: openedAt } : null,
        host: 'test',
      };
      await this.repository.store.create(
        formatBeginName(lane.lane),
        Buffer.from(formatBegin(begin)),
      );
      for (const object of objects(lane)) await this.writeObject(lane, object, index + 1);
    }
  }

  async writeObject(
    lane: MadeLane,
    { level, firstSeq, lastSeq }: MadeObject,
    ordinal = 1,
  ): Promise<SegmentName> {
    const { store } = this.repository;
    const records = lane.records.slice(firstSeq - 1, lastSeq);
    const fromMs = lane.records[Math.max(0, firstSeq - 2)]?.receivedAt ?? 0;
    const toMs = records.at(-1)?.receivedAt ?? 0;
    const segment = { lane: lane.lane, level, firstSeq, lastSeq, fromMs, toMs };
    const rows = records.flatMap((record, index) => rowsOf(lane.lane, firstSeq + index, record));
    const object = formatDataName(segment, '00000000');
    const path = join(this.#directory, 'data.parquet');
    let data: DataObject | null = null;
    if (rows.length > 0) {
      await (this.#duckdb === undefined
        ? writeParquet(rows, path)
        : this.#build(this.#duckdb, { lane: lane.lane, firstSeq, records }, path));
      data = await this.#store(rows.length, path, object);
    }
    const lines = records.flatMap((record) => record.lines);
    const forks = records.flatMap(({ receivedAt, lines: own }) =>
      own
        .filter((line) => line.startsWith('!fork '))
        .map((line) => {
          return Object.assign(JSON.parse(line.slice('!fork '.length)) as Fork, { receivedAt });
        }),
    );
    const sidecar = {
      ...segment,
      ordinal,
      records: records.length,
      points: rows.filter(({ kind }) => kind.startsWith('put')).length,
      refused: lines.filter((line) => line.startsWith('!outcome ')).length,
      bypasses: lines.filter((line) => line.startsWith('!bypass ')).length,
      confirmed:
        records.findLast(({ confirmed }) => typeof confirmed === 'string')?.confirmed ?? null,
      instants: instantsOf(rows),
      data,
      createdAt: this.archivedAt,
      writer: 'test',
      ...(forks.length > 0 && { forks }),
    };
    await store.create(formatSidecarName(segment), Buffer.from(formatSidecar(sidecar)));
    return segment;
  }

  async #build(
    duckdb: Duckdb,
    { lane, firstSeq, records }: MadeLane & { readonly firstSeq: number },
    path: string,
  ): Promise<void> {
    const builder = new SegmentBuilder({ duckdb, folder: this.#directory, lane, firstSeq });
    const texts = records.map(({ receivedAt, transport, lines }, index) => {
      const seq = firstSeq + index;
      const head = formatRecordHeader({ seq, receivedAt, transport, source: SOURCE });
      return head + lines.map((line) => `${line}\n`).join('');
    });
    await builder.add(Buffer.from(texts.join('')), 0, Infinity);
    const built = await builder.finish();
    await rename(built.data?.path ?? '', path);
  }

  async #store(rows: number, path: string, object: string): Promise<DataObject> {
    const content = await readFile(path);
    await this.repository.store.createFromFile(object, path);
    await rm(path);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { object, bytes: content.length, sha256, rows };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

const SOURCE = '127.0.0.1:1';

interface Row {
  readonly lane: string;
  readonly seq: number;
  readonly idx: number;
  readonly received_at: number;
  readonly transport: string;
  readonly source: string;
  readonly kind: string;
  readonly metric: string | null;
  readonly tags: string | null;
  readonly timestamp: string | null;
  readonly instant_ms: string | null;
  readonly value: string | null;
  readonly payload: string | null;
}

const COLUMNS = `{lane: 'VARCHAR', seq: 'BIGINT', idx: 'INTEGER', received_at: 'BIGINT', transport: 'VARCHAR', source: 'VARCHAR',
  kind: 'VARCHAR', metric: 'VARCHAR', tags: 'VARCHAR', timestamp: 'BIGINT', instant_ms: 'BIGINT', value: 'VARCHAR', payload: 'VARCHAR'}`;

/** One for all that a test file makes. */
let duckdb: Promise<DuckDBInstance> | undefined;

async function writeParquet(rows: readonly Row[], path: string): Promise<void> {
  const json = `${path}.json`;
  await writeFile(json, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  duckdb ??= DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await (await duckdb).connect();
  await connection.run(`copy (select * from read_json('${json}', format = 'newline_delimited', columns = ${COLUMNS})
    order by metric, tags, instant_ms, seq, idx) to '${path}' (format parquet, compression zstd)`);
  connection.closeSync();
  await rm(json);
}

function rowsOf(lane: string, seq: number, { receivedAt, transport, lines }: MadeRecord): Row[] {
  return lines.flatMap((line, idx): Row[] => {
    const base = { lane, seq, idx, received_at: receivedAt, transport, source: SOURCE };
    const nothing = { metric: null, tags: null, timestamp: null, instant_ms: null, value: null };
    const control = /^!(\w+) (.*)$/.exec(line);
    if (control !== null) {
      const [, kind = '', payload = ''] = control;
      if (kind === 'tick' || kind === 'cut') return [];
      return [{ ...base, kind, ...nothing, payload }];
    }
    const isJson = line.startsWith('http ');
    const { metric, timestamp, value, tags } = parsePutLine(line);
    const pairs = Object.entries(tags as Record<string, string>).toSorted(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const instant =
      BigInt(timestamp) > 0xffff_ffffn ? BigInt(timestamp) : BigInt(timestamp) * 1_000n;
    return [
      {
        ...base,
        kind: isJson ? 'put-json' : 'put',
        metric,
        tags: pairs.map(([key, text]) => `${percentEncode(key)}=${percentEncode(text)}`).join(' '),
        timestamp,
        instant_ms: String(instant),
        value,
        payload: isJson ? line.slice('http POST /api/put '.length) : null,
      },
    ];
  });
}

function instantsOf(rows: readonly Row[]): { from: number; to: number } | null {
  const instants = rows.flatMap(({ instant_ms: ms }) => (ms === null ? [] : [Number(ms)]));
  return instants.length === 0 ? null : { from: Math.min(...instants), to: Math.max(...instants) };
}

function percentEncode(text: string): string {
  return text.replaceAll(/[% =\u00a0]/g, (character) => encodeURIComponent(character));
}
