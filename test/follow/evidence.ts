import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseControl } from '../../src/record/control.ts';
import type { Rig } from './rig.ts';

export interface DeadLetter {
  readonly line: string;
  readonly tries: number;
  readonly error: string;
}

export function line(metric: string, second: number, value = '1'): string {
  return `put ${metric} ${1_700_000_000 + second} ${value} h=x`;
}

export async function outcomes(rig: Rig): Promise<unknown[]> {
  const controls = (await rig.log()).flatMap(({ lines }) =>
    lines.map((text) => parseControl(text)),
  );
  return controls.filter((control) => control?.kind === 'outcome');
}

export async function deadLetters(rig: Rig): Promise<DeadLetter[]> {
  const folder = join(rig.data, 'dead-letters');
  const files = await readdir(folder).catch(() => []);
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.trim().split('\n'))
    .map((text) => JSON.parse(text) as DeadLetter);
}
