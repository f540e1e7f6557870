import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Door, Client, eventually, openDoor, point, post, put, statuses } from '../door.ts';

const gone = (index: number): string => put(index).replace('sys.cpu', `gone${index}`);

const VERSION = 'fake version\nbuilt never\n';

describe('a telnet connection', () => {
  test('submits the puts of a read together and answers nothing', async () => {
    const { port, path, counted } = await openDoor();
    const client = new Client(port);
    client.send(`${put(1)}\n${put(2)}\r\nversion\n`);
    expect(await client.until((received) => received === VERSION)).toBe(VERSION);
    expect(path.lines()).toEqual([put(1), put(2)]);
    expect(path.submitted[0]?.transport).toBe('telnet');
    expect(counted).toEqual({ received: 2 });
  });

  test('answers help, unknown commands and refused changes', async () => {
    const { port } = await openDoor();
    const client = new Client(port);
    client.send('help\nfoo bar\ndiediedie\n\nrollup 1h-sum a 1 1 h=a\nstats\ndropcaches\nend\n');
    await client.until((received) => received.includes('unknown command: end'));
    expect(client.received.split('\n')).toEqual([
      'available commands: stats dropcaches version exit help put rollup histogram ',
      "unknown command: foo.  Try `help'.",
      "unknown command: diediedie.  Try `help'.",
      "unknown command: .  Try `help'.",
      'rollup: illegal argument: tsdb-wal takes only put here, rollup is not logged yet',
      'tsd.fake 1 1 host=a',
      'dropcaches: illegal argument: the primary OpenTSDB does not answer',
      "unknown command: end.  Try `help'.",
      '',
    ]);
  });

  test('exit closes after earlier replies, and drops what comes after it', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(1)}\nversion\nexit\n${put(2)}\nversion\n`);
    await eventually(() => path.submitted[0]);
    path.submitted[0]?.settle(path.accepted());
    expect(await client.untilClosed()).toBe(VERSION);
    expect(path.lines()).toEqual([put(1)]);
  });

  test('a line that does not end within 1024 bytes closes it without a reply', async () => {
    const { port, path } = await openDoor();
    const client = new Client(port);
    client.send(`put m 1 1 h=${'x'.repeat(1_200)}`);
    expect(await client.untilClosed()).toBe('');
    expect(path.submitted).toEqual([]);
  });

  test('an unfinished last line is dropped, and what came before the end is answered', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(1)}\nversion\n${put(2)}`);
    client.socket.end();
    await eventually(() => path.submitted[0]);
    path.submitted[0]?.settle(path.accepted());
    expect(await client.untilClosed()).toBe(VERSION);
    expect(path.lines()).toEqual([put(1)]);
  });

  test('replies wait for the submissions before them, and come in order', async () => {
    const { port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(1)}\nversion\n`);
    await eventually(() => path.submitted[0]);
    client.send(`put x\n${put(2)}\nfoo\n`);
    await eventually(() => path.submitted[1]);
    path.submitted[1]?.settle(path.accepted());
    await new Promise((resolve) => {
      setTimeout(resolve, 30);
    });
    expect(client.received).toBe('');
    path.submitted[0]?.settle(path.accepted());
    await client.until((received) => received.includes('foo'));
    expect(client.received).toBe(
      `${VERSION}put: illegal argument: not enough arguments (need least 4, got 1)\nunknown command: foo.  Try \`help'.\n`,
    );
  });

  test('refusals of the primary stand among the other replies in the order of the lines', async () => {
    const { port, path, counted } = await openDoor();
    path.refuse = 'gone';
    const client = new Client(port);
    client.send(`${gone(1)}\nput\n${put(2)}\nversion\n${gone(3)}\n`);
    await client.until((received) => received.includes('gone3'));
    expect(client.received).toBe(
      `put: unknown metric: gone1\nput: illegal argument: not enough arguments (need least 4, got 0)\n${VERSION}put: unknown metric: gone3\n`,
    );
    expect(counted).toEqual({ received: 4, invalid: 1, primary: 2 });
  });

  test('one byte at a time arrives whole', async () => {
    const { port, path } = await openDoor();
    const client = new Client(port);
    for (const byte of `${put(1)}\r\n${put(2)}\nversion\n`) {
      client.send(byte);
      await client.sent();
    }
    await client.until((received) => received === VERSION);
    expect(path.lines()).toEqual([put(1), put(2)]);
  });

  test('without its first byte or a further one it is closed in time, but not while it waits for us', async () => {
    const { port, path } = await openDoor({ limits: { idleTimeoutMs: 150 } });
    await new Client(port).untilClosed(20_000);
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(1)}\nversion\n`);
    await eventually(() => path.submitted[0]);
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
    expect(client.closed).toBe(false);
    path.submitted[0]?.settle(path.accepted());
    expect(await client.untilClosed(20_000)).toBe(VERSION);
  });
});

describe('back-pressure', () => {
  test.each([
    ['a source over its budget', { sourceInFlightBytesMax: 200_000 }, 270_000],
    ['a connection with much unanswered', {}, 700_000],
  ])('%s is not read until its submissions are answered', async (_name, limits, takenMax) => {
    const { port, path } = await openDoor({ limits });
    path.auto = false;
    const client = new Client(port);
    const block = Array.from({ length: 2_000 }, (_, index) => `${put(index)}\n`).join('');
    const blocks = 200;
    for (let sent = 0; sent < blocks; sent++) client.send(block);
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    const taken = path.submitted.reduce((bytes, { lines }) => bytes + lines.join('\n').length, 0);
    expect(taken).toBeLessThan(takenMax);
    path.auto = true;
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    await eventually(() => (path.lines().length === blocks * 2_000 ? true : undefined));
    expect(path.lines().at(-1)).toBe(put(1_999));
  });

  test('replies that wait count with the memory that they take', async () => {
    const { port, path } = await openDoor({ limits: { sourceInFlightBytesMax: 100_000 } });
    path.auto = false;
    new Client(port).send(`${put(1)}\n${'\n'.repeat(3_000)}`);
    await eventually(() => path.submitted[0]);
    new Client(port).send(`${put(2)}\n`);
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    expect(path.lines()).toEqual([put(1)]);
    path.submitted[0]?.settle(path.accepted());
    await eventually(() => path.submitted[1]);
  });

  test('a client that reads no replies is not read either', async () => {
    const { port } = await openDoor();
    const client = new Client(port);
    client.socket.pause();
    const block = 'version\n'.repeat(10_000);
    let sent = 0;
    for (; sent < 2_000; sent++) {
      client.send(block);
      if (client.socket.writableLength > 20_000_000) break;
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 300);
    });
    const before = client.socket.bytesWritten - client.socket.writableLength;
    expect(client.socket.writableLength).toBeGreaterThan(1_000_000);
    await new Promise((resolve) => {
      setTimeout(resolve, 200);
    });
    expect(client.socket.bytesWritten - client.socket.writableLength).toBe(before);
  });
});

describe('closing the door', () => {
  test('answers what was read, over telnet and HTTP, and says so to those who wait idle', async () => {
    const { door, port, path } = await openDoor();
    const idle = new Client(port);
    idle.send(post('/api/put', point(0)));
    await idle.until((received) => received.includes('204'));
    path.auto = false;
    const http = new Client(port);
    http.send(post('/api/put', point(1)));
    const telnet = new Client(port);
    telnet.send(`${put(2)}\nversion\n`);
    await eventually(() => path.submitted[2]);
    const closing = door.close(5_000);
    await idle.untilClosed();
    for (const submitted of path.submitted) submitted.settle(path.accepted());
    expect(await telnet.untilClosed()).toBe(VERSION);
    expect(statuses(await http.untilClosed())).toEqual([204]);
    expect(http.received).toContain('Connection: close');
    await closing;
    expect(door.connections()).toBe(0);
    const late = new Client(port);
    await late.untilClosed();
  });

  test('ends at the deadline whatever is open', async () => {
    const { door, port, path } = await openDoor();
    path.auto = false;
    const client = new Client(port);
    client.send(`${put(2)}\nversion\n`);
    await eventually(() => path.submitted[0]);
    await door.close(100);
    await client.untilClosed();
  });
});

test('connections beyond the limit are accepted, closed and counted', async () => {
  const { port, counted } = await openDoor({ limits: { connectionsMax: 1 } });
  const first = new Client(port);
  first.send('version\n');
  await first.until((received) => received === VERSION);
  const second = new Client(port);
  await second.untilClosed();
  expect(counted).toEqual({ connections: 1 });
});

/** What is submitted and answered when the pieces are sent one after the other. */
async function say({ port, path }: Door, pieces: string[]): Promise<[string[], string]> {
  path.submitted.length = 0;
  const client = new Client(port);
  for (const piece of pieces) {
    client.send(piece);
    await client.sent();
  }
  await client.until((received) => received.endsWith("done.  Try `help'.\n"));
  client.socket.destroy();
  return [path.lines(), client.received];
}

test('any chunking of a telnet stream submits the same lines and answers the same', async () => {
  const line = fc.oneof(
    fc.nat(99).map((index) => put(index)),
    fc.constantFrom('put', 'version', 'foo', '', 'put a b c d=e', 'put  m 1 1 h=a', 'help'),
    fc.constant('put sys.\u00e9 1700000000 1.50 h=\u00e9'),
  );
  const opened = await openDoor();
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 10 }),
      async (lines, end, sizes) => {
        const text = [...lines, 'done', ''].join(end);
        const pieces: string[] = [];
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        expect(await say(opened, pieces)).toEqual(await say(opened, [text]));
      },
    ),
    { numRuns: 60 },
  );
});
