import { cp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeTsd } from '../kit/fake-tsd.ts';
import { ProxyProcess } from '../kit/proxy-process.ts';
import { Disk, mayMount, Scene, type Span } from './kit/damage-scene.ts';
import type { Line } from './kit/ledger.ts';

describe('a start on a data directory', () => {
  test('whose last write was cut off goes on, with nothing missing', async () => {
    await using scene = await Scene.start();
    const lines = await scene.put(50);
    await scene.proxy.kill9();
    const [last] = (await scene.segments()).slice(-1);
    const frame = last?.frames.at(-1);
    if (last === undefined || frame === undefined) throw new Error('the log is empty');
    // The first half of a frame, after the last.
    const torn = Buffer.alloc(frame.end - frame.start);
    await scene.change(last, async (file) => {
      await file.read(torn, 0, torn.length, frame.start);
      await file.write(torn, 0, Math.floor(torn.length / 2), frame.end);
    });
    await scene.restart();
    expect(await scene.health()).toEqual({ ok: true, reasons: [], degraded: [] });
    expect(scene.proxy.lines.join('\n')).toMatch(/"tornBytes":[1-9]\d*.*"log recovered"/);
    await expectDelivered(scene, lines);
  });

  test('with a flipped byte says which records are lost, and delivers the others', async () => {
    await using scene = await Scene.start();
    await scene.tsd.stop();
    const lines = await scene.put(50);
    await scene.proxy.kill9();
    const [last] = (await scene.segments()).slice(-1);
    const frame = last?.frames.at(-2);
    if (last === undefined || frame === undefined) throw new Error('the log is too short');
    const hole = { lane: last.lane, from: frame.firstSeq, to: frame.lastSeq };
    const lost = await scene.putsIn(hole);
    await scene.flip(last, frame.end - 3);
    await scene.tsd.start();
    await scene.restart();
    await expectLoss(scene, hole);
    await expectDelivered(scene, lines, lost);
    await scene.restart();
  });

  test('with a missing file in the middle says which records are lost, and delivers the others', async () => {
    await using scene = await Scene.start();
    await scene.tsd.stop();
    const lines = await scene.put(120);
    await scene.proxy.kill9();
    const segments = await scene.segments();
    const [before, middle] = segments.slice(1);
    if (before === undefined || middle === undefined) throw new Error('the log has no middle');
    const [from, to] = [middle.frames[0]?.firstSeq ?? 0, middle.frames.at(-1)?.lastSeq ?? 0];
    const hole = { lane: middle.lane, from, to };
    const lost = await scene.putsIn(hole);
    await rm(join(scene.walDirectory, middle.name));
    await scene.tsd.start();
    await scene.restart();
    await expectLoss(scene, hole);
    await expectDelivered(scene, lines, lost);
    await scene.restart();
  });

  test('whose log was removed, but not its cursor, says what is lost, and takes writes', async () => {
    await using scene = await Scene.start();
    const lines = await scene.put(50);
    await expectDelivered(scene, lines);
    const hasCursor = async (): Promise<boolean> =>
      (await readdir(join(scene.proxy.dataDirectory, 'cursors'))).includes('primary.json');
    await expect.poll(hasCursor).toBe(true);
    await scene.proxy.kill9();
    await rm(scene.walDirectory, { recursive: true });
    await scene.restart();
    const { degraded } = await scene.health();
    expect(degraded.join()).toMatch(/records [0-9a-f]{16}\/\d+ to \d+ are lost/);
    await expectDelivered(scene, [...lines, ...(await scene.put(10, 'after'))]);
    await scene.restart();
  });

  test('that was put back from an older copy delivers on, and uses no sequence twice', async () => {
    await using scene = await Scene.start();
    const { proxy } = scene;
    const before = await scene.put(20, 'before');
    await proxy.terminate();
    const copy = `${proxy.dataDirectory}-copy`;
    await cp(proxy.dataDirectory, copy, { recursive: true });
    await proxy.start();
    await proxy.untilLive();
    // These are in the primary, though in no log any more.
    const forgotten = await scene.put(20, 'forgotten');
    const newer = await scene.segments();
    await proxy.kill9();
    await rm(proxy.dataDirectory, { recursive: true });
    await rename(copy, proxy.dataDirectory);
    await proxy.start();
    await proxy.untilLive();
    const after = await scene.put(20, 'after');
    await expectDelivered(scene, [...before, ...forgotten, ...after]);
    expect(await scene.health()).toEqual({ ok: true, reasons: [], degraded: [] });
    // What is received now is in a lane of its own: that of the newer copy is not gone on with.
    const lanes = (await scene.segments()).map(({ lane }) => lane);
    expect(lanes).not.toContain(newer.at(-1)?.lane);
    await scene.restart();
  });

  test('that is a file, or in use, is refused with a code and a hint', async () => {
    await using scene = await Scene.start();
    const { proxy } = scene;
    const primary = scene.tsd.url;
    const second = ProxyProcess.start({ primary, data: proxy.dataDirectory });
    await expect(second).rejects.toThrow(/ended with 1;[^]*DATA_LOCKED/);
    const file = join(proxy.dataDirectory, 'a-file');
    await writeFile(file, '');
    const onFile = ProxyProcess.start({ primary, data: file });
    await expect(onFile).rejects.toThrow(/ended with 1;[^]*DATA_UNUSABLE[^]*hint: /);
    await expectDelivered(scene, await scene.put(10));
  });
});

const tmpfs = mayMount();

describe.skipIf(!tmpfs)(
  `a disk${tmpfs ? '' : ' (skipped: a file system cannot be mounted)'}`,
  () => {
    test('that is read-only is refused with a code', async () => {
      await using disk = await Disk.mount();
      disk.remount('ro');
      await using tsd = await FakeTsd.start();
      const start = ProxyProcess.start({ primary: tsd.url, data: disk.path });
      await expect(start).rejects.toThrow(/ended with 1;[^]*DATA_UNUSABLE/);
    });

    test('that is full is answered 503 until there is room, and loses nothing', async () => {
      await using disk = await Disk.mount();
      await using scene = await Scene.start({ data: disk.path });
      const before = await scene.put(20);
      const filler = join(disk.path, 'filler');
      await writeFile(filler, Buffer.alloc(64 * 1024 * 1024)).catch(() => undefined);
      // What was allocated ahead is still to be had.
      const accepted: Line[] = [];
      for (let round = 0; (await scene.health()).ok && round < 1_000; round += 1) {
        const second = 1_700_000_000 + round * 50;
        const batch = Array.from(
          { length: 50 },
          (_, n): Line => `put full ${second + n} ${n} h=${'x'.repeat(500)}`,
        );
        if ((await scene.collector.put(batch)) === undefined) accepted.push(...batch);
      }
      const line = 'put refused 1700000000 1 h=a';
      expect(await scene.collector.put([line])).toMatch(/^503 /);
      expect((await scene.health()).reasons.join()).toMatch(/ENOSPC|no space/);
      await rm(filler);
      await expect.poll(async () => (await scene.health()).ok).toBe(true);
      const after = await scene.put(20, 'after');
      await expectDelivered(scene, [...before, ...accepted, ...after]);
      await scene.restart();
      expect(await scene.health()).toMatchObject({ ok: true, degraded: [] });
    });
  },
);

/** Told on /health, in /status, in /metrics and in the log. */
async function expectLoss(scene: Scene, hole: Span): Promise<void> {
  const { proxy } = scene;
  const { ok, degraded } = await scene.health();
  expect(ok).toBe(true);
  expect(degraded.join('\n')).toContain(`records ${hole.lane}/${hole.from} to ${hole.to} are lost`);
  expect((await proxy.status()).log.holes).toMatchObject([hole]);
  const shown = await (await fetch(`${proxy.adminUrl}/metrics`)).text();
  expect(shown).toMatch(/log_missing_records [1-9]/);
  expect(proxy.lines.join('\n')).toMatch(/"level":"error".*damaged/);
}

/** All but so many of the lines are in the primary. */
async function expectDelivered(scene: Scene, lines: readonly Line[], lost = 0): Promise<void> {
  await expect.poll(() => scene.missing(lines)).toBe(lost);
}
