import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createAdminServer } from '../../../src/admin/admin-server.ts';
import { controlStandby } from '../../../src/cli/standby/standby-control.ts';
import { Metrics } from '../../../src/runtime/metrics.ts';

const STATUS = {
  target: { url: 'http://new:4242' },
  promotion: { state: 'none' },
  contains: { latest: '2026-06-01T12:00:00.000Z' },
  lagRecords: 7,
  lagSeconds: 3.2,
};

/** The address of one that answers `/pause` and `/resume` so. */
async function standby(): Promise<string> {
  const admin = createAdminServer({
    status: () => STATUS,
    health: () => ({ ok: true, reasons: [], degraded: [] }),
    ready: () => true,
    metrics: new Metrics(),
    actions: {
      '/pause': () => Promise.resolve({ ...STATUS, paused: true }),
      '/resume': () => Promise.resolve({ ...STATUS, paused: false }),
    },
  });
  onTestFinished(() => admin.close());
  return `127.0.0.1:${await admin.start({ host: '127.0.0.1', port: 0 })}`;
}

async function told(action: 'pause' | 'resume', admin: string, json: boolean): Promise<string> {
  let text = '';
  await controlStandby(action, { admin, json }, (more) => {
    text += more;
    return Promise.resolve(true);
  });
  return text;
}

test('what is now true is told in a line', async () => {
  const admin = await standby();
  const has =
    'http://new:4242 surely has what was received up to 2026-06-01T12:00:00.000Z, 7 records (3 s) behind\n';
  expect(await told('pause', admin, false)).toBe(
    `standby ${admin} is paused, also over its restarts; ${has}`,
  );
  expect(await told('resume', admin, false)).toBe(`standby ${admin} follows; ${has}`);
});

test.each([
  ['pause', true],
  ['resume', false],
] as const)(
  '%s --json prints what docs/JSON.md says, with all of the status',
  async (action, paused) => {
    const admin = await standby();
    const text = await told(action, admin, true);
    expect(text.indexOf('\n')).toBe(text.length - 1);
    expect(JSON.parse(text)).toEqual({
      contract: `tsdb-wal standby ${action}`,
      version: 1,
      standby: admin,
      status: { ...STATUS, paused },
    });
    const page = await readFile('docs/JSON.md', 'utf8');
    expect(page).toContain(
      '    {"contract":"tsdb-wal standby pause","version":1,"standby":"127.0.0.1:4246","status":{',
    );
  },
);
