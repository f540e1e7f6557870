import { readFile, writeFile } from 'node:fs/promises';

const SECTION_END = '-\n';

/** As the fold writes it. */
export async function writeLineFile(
  path: string,
  { http, telnet }: { readonly http: readonly string[]; readonly telnet: readonly string[] },
): Promise<void> {
  await writeFile(path, `${textOf(http)}${SECTION_END}${textOf(telnet)}`);
}

/** Each line after its transport. */
export async function readLineFile(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  const end = lines.indexOf(SECTION_END.trimEnd());
  if (end < 0) throw new Error(`${path} has no end of its first section`);
  return [
    ...lines.slice(0, end).map((line) => `http ${line}`),
    ...lines.slice(end + 1).map((line) => `telnet ${line}`),
  ];
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
