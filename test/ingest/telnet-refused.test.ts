import { describe, expect, test } from 'vitest';
import { Client, eventually, openDoor, put } from './door.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const VERSION = 'fake version\nbuilt never\n';

describe('while the log takes nothing', () => {
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

  test('what is admitted while an earlier read is tried again is submitted behind it, once', async () => {
    const budget = { inFlightBytesMax: 10_000, sourceInFlightBytesMax: 10_000 };
    const { port, path, counted } = await openDoor({ limits: budget });
    path.auto = false;
    const other = new Client(port);
    const block = Array.from({ length: 310 }, () => put(100));
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
    expect(counted).toEqual({ received: 312 });
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
