import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';

interface Service {
  readonly command?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly build?: string;
  readonly depends_on?: Readonly<Record<string, unknown>>;
}

const compose = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

const ADMIN_PORT = 4244;

/** compose-spec.json is the schema of the Compose Specification (github.com/compose-spec/compose-spec, Apache-2.0). */
function readSchema(): object {
  const path = join(import.meta.dirname, 'compose-spec.json');
  const { $schema: _, ...schema } = JSON.parse(readFileSync(path, 'utf8')) as { $schema: string };
  return schema;
}

describe('docker-compose.yml', () => {
  test('is what the Compose Specification asks for', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(readSchema());
    expect(validate(compose) ? [] : validate.errors).toEqual([]);
  });

  test('names no volume and no service that is not there', () => {
    for (const { volumes = [], depends_on: needed = {} } of Object.values(compose.services)) {
      const named = volumes.map((volume) => volume.split(':')[0] ?? '');
      const volumesNamed = named.filter((source) => !source.startsWith('.'));
      expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(volumesNamed));
      expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(Object.keys(needed)));
    }
  });

  test('gives each service a configuration that it takes', async () => {
    const files = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.map((volume) => volume.split(':')[0] ?? '').filter((path) => path.endsWith('.yaml')),
    );
    expect(files.length).toBe(5);
    for (const file of new Set(files)) {
      const config = await loadConfig({ file, environment: {}, flags: {} });
      expect(config.kafka.brokers).toEqual(['kafka:9092']);
      expect(config.admin).toEqual({ host: '0.0.0.0', port: ADMIN_PORT });
    }
  });

  test('lets each process of ours be asked from this machine only, at a port of its own', () => {
    const ours = Object.values(compose.services).filter(({ build }) => build !== undefined);
    const asked = ours.flatMap(({ ports = [] }) =>
      ports.filter((port) => /^127\.0\.0\.1:\d+:4244$/.test(port)),
    );
    expect(asked.length).toBe(ours.length);
    expect(new Set(asked).size).toBe(ours.length);
  });
});
