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

test('what is now true is told in a line, and as JSON all of the status', async () => {
  const admin = await standby();
  const has =
    'http://new:4242 surely has what was received up to 2026-06-01T12:00:00.000Z, 7 records (3 s) behind\n';
  expect(await told('pause', admin, false)).toBe(
    `standby ${admin} is paused, also over its restarts; ${has}`,
  );
  expect(await told('resume', admin, false)).toBe(`standby ${admin} follows; ${has}`);
  expect(JSON.parse(await told('pause', admin, true))).toEqual({ ...STATUS, paused: true });
});
