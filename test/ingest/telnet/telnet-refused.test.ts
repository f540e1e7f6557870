import { afterEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { answer, Client, eventually, openDoor, put } from '../door.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const VERSION = 'fake version\nbuilt never\n';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('while the log takes nothing', () => {
  test('telnet clients that give up and come again close the door to nobody', async () => {
    const limits = { connectionsMax: 8, inFlightBytesMax: 20_000, sourceInFlightBytesMax: 20_000 };
    const { door, port, path, counted } = await openDoor({ limits });
    const monotonicMs = systemClock.monotonicMs.bind(systemClock);
    let aheadMs = 0;
    vi.spyOn(systemClock, 'monotonicMs').mockImplementation(() => monotonicMs() + aheadMs);
    path.available = false;
    const lines = Array.from({ length: 100 }, (_, index) => `${put(index)}\n`).join('');
    for (let client = 0; client < 20; client++) {
      const telnet = new Client(port).send(lines);
      await telnet.sent();
      telnet.socket.end();
      await pause(10);
      aheadMs += 10_000;
    }
    expect(door.connections()).toBeLessThanOrEqual(9);
    // What it would ask is not there: that it asks is what counts.
    const query = await answer(port, 'GET /api/query HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(query).toContain('The primary OpenTSDB cannot be reached');
    const lost = counted['unavailable'] ?? 0;
    expect(lost).toBeGreaterThan(1_000);
    expect(counted['received']).toBe(lost);
    path.available = true;
    await eventually(() =>
      path.submitted.length > 0 && door.connections() < 3 ? true : undefined,
    );
  });

  test('telnet loses nothing and keeps its order', async () => {
    const { port, path, counted } = await openDoor();
    path.available = false;
    const client = new Client(port);
    client.send(`${put(1)}\n${put(2)}\nversion\n`);
    await eventually(() => path.submitted[1]);
    client.send(`${put(3)}\nversion\n`);
    await eventually(() => path.submitted[2]);
    expect(client.received).toBe('');
    path.submitted.length = 0;
    path.available = true;
    await client.until((received) => received === VERSION + VERSION);
    expect(path.lines()).toEqual([put(1), put(2), put(3)]);
    expect(counted).toEqual({ received: 3 });
  });

  test('what was taken out of turn is submitted again, so that the later line stays the later', async () => {
    const { port, path, counted } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(1)}\n`);
    await eventually(() => path.submitted[0]);
    client.send(`${put(2)}\nversion\n`);
    await eventually(() => path.submitted[1]);
    path.submitted[0]?.settle({ kind: 'unavailable', reason: 'full' });
    path.auto = true;
    path.submitted[1]?.settle(path.accepted());
    await client.until((received) => received === VERSION);
    expect(path.lines().slice(2)).toEqual([put(1), put(2)]);
    // Line 2 was logged twice.
    expect(counted).toEqual({ received: 3 });
  });

  test('what is admitted while an earlier read is tried again is submitted after it, once', async () => {
    const budget = { inFlightBytesMax: 10_000, sourceInFlightBytesMax: 10_000 };
    const { port, path, counted } = await openDoor({ limits: budget });
    path.auto = false;
    const other = new Client(port);
    const block = Array.from({ length: 235 }, () => put(100));
    other.send(`${block.join('\n')}\n`);
    await eventually(() => path.submitted[0]);
    const client = new Client(port);
    client.send(`${put(1)}\n`);
    await eventually(() => path.submitted[1]);
    client.send(`${put(2)}\n${'version\n'.repeat(100)}`);
    await pause(50);
    path.available = false;
    path.submitted[1]?.settle({ kind: 'unavailable', reason: 'full' });
    await eventually(() => path.submitted[2]);
    path.submitted.splice(1);
    path.available = true;
    path.auto = true;
    path.submitted[0]?.settle(path.accepted());
    await client.until((received) => received === VERSION.repeat(100));
    expect(path.lines()).toEqual([...block, put(1), put(2)]);
    expect(counted).toEqual({ received: 237 });
  });

  test('what it never took is counted as refused when the door closes', async () => {
    const { door, port, path, counted } = await openDoor();
    path.available = false;
    const client = new Client(port);
    client.send(`${put(1)}\n${put(2)}\n`);
    await eventually(() => path.submitted[0]);
    await door.close(50);
    await eventually(() => counted['received']);
    expect(counted).toEqual({ received: 2, unavailable: 2 });
  });
});
