import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';

/**
 * The architecture, as a table: what each folder of src may import besides itself.
 * Read top to bottom it is the data's way: the leaves, then capture, then recovery, then the processes that are made of these, then the shell.
 * A folder in a folder has a row where it may import what the rest of it may not.
 * A new arrow is a design decision: change this table and ARCHITECTURE.md in the same commit.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  record: [],
  runtime: [],
  config: ['runtime'],
  opentsdb: ['record', 'runtime'],
  wal: ['record', 'runtime'],
  storage: ['runtime'],
  archive: ['record', 'opentsdb', 'wal', 'storage', 'runtime'],
  kafka: ['record', 'wal', 'runtime'],
  follow: ['record', 'opentsdb', 'wal', 'runtime'],
  ingest: ['record', 'opentsdb', 'wal', 'follow', 'runtime'],
  restore: ['record', 'runtime', 'storage', 'archive', 'wal', 'opentsdb', 'follow'],
  compare: ['runtime', 'archive', 'restore', 'opentsdb'],
  standby: ['record', 'runtime', 'archive', 'wal', 'opentsdb', 'follow'],
  admin: ['config', 'runtime'],
  'archive/process': ['config', 'record', 'wal', 'storage', 'archive', 'kafka', 'admin', 'runtime'],
  'standby/process': [
    'config',
    'record',
    'opentsdb',
    'wal',
    'archive',
    'kafka',
    'follow',
    'restore',
    'standby',
    'admin',
    'runtime',
  ],
  proxy: [
    'config',
    'record',
    'opentsdb',
    'wal',
    'archive',
    'archive/process',
    'kafka',
    'follow',
    'ingest',
    'admin',
    'runtime',
  ],
  workers: ['config', 'record', 'wal', 'admin', 'runtime'],
  promote: ['record', 'admin', 'runtime'],
};

/** Each outside package is imported by the folders named here only, so it can be replaced there. */
const OWNERS: Record<string, readonly string[]> = {
  fastify: ['ingest', 'admin'],
  undici: ['opentsdb'],
  kafkajs: ['kafka'],
  pino: ['runtime'],
  'prom-client': ['runtime'],
  yaml: ['config'],
  zod: ['config'],
  '@duckdb/node-api': ['archive'],
  'node:fs/promises': [
    'runtime',
    'storage',
    'wal',
    'archive',
    'follow',
    'config',
    'restore',
    'compare',
    'standby',
    'kafka',
    'workers',
  ],
  'node:net': ['runtime', 'ingest', 'opentsdb', 'kafka'],
};

/** main.ts and cli/ are the command line, so they may import everything, and nothing imports them. */
const SHELL = new Set(['main.ts', 'cli']);

/** The row of a path below src. */
function rowOf(path: string): string {
  const [folder = '', inner = ''] = path.split('/');
  return `${folder}/${inner}` in MAY_IMPORT ? `${folder}/${inner}` : folder;
}

const EXPORT = /^export (?:async )?(?:class|interface|type|function\*?|const) ([\w$]+)/gm;

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(posix.join('src', file), 'utf8') }));

const imports: Import[] = files
  .flatMap(({ file, text }) =>
    [...text.matchAll(/^(?:import|export)\b[^;'"]*['"]([^'"]+)['"]/gm)].map(([, target = '']) => ({
      file,
      folder: rowOf(file),
      target,
    })),
  )
  .filter(({ folder }) => !SHELL.has(folder));

const arrow = ({ file, target }: Import): string => `${file} -> ${target}`;

describe('src', () => {
  test('has only the folders the table names', () => {
    const unknown = imports.filter(({ folder }) => !(folder in MAY_IMPORT));
    expect(unknown.map(({ file }) => file)).toEqual([]);
  });

  test('lets each folder import only what the table allows', () => {
    const broken = imports.filter(({ file, folder, target }) => {
      if (!target.startsWith('.')) return false;
      const into = rowOf(posix.join(posix.dirname(file), target));
      return into !== folder && !(MAY_IMPORT[folder] ?? []).includes(into);
    });
    expect(broken.map(arrow)).toEqual([]);
  });

  test('imports each outside package in the folders of its owners only', () => {
    const broken = imports.filter(({ folder, target }) => {
      const owners = OWNERS[target];
      return owners !== undefined && !owners.includes(folder.split('/')[0] ?? '');
    });
    expect(broken.map(arrow)).toEqual([]);
  });

  test('exports a name from one file only, so that it means one thing', () => {
    const owners = new Map<string, Set<string>>();
    for (const { file, text } of files) {
      for (const [, name = ''] of text.matchAll(EXPORT)) {
        owners.set(name, (owners.get(name) ?? new Set()).add(file));
      }
    }
    expect(owners.size).toBeGreaterThan(1_000);
    expect([...owners].filter(([, { size }]) => size > 1)).toEqual([]);
  });
});
