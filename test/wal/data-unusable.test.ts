import { describe, expect, test } from 'vitest';
import { dataUnusable } from '../../src/wal/data-unusable.ts';

const HINT = 'Name the data directory of the proxy.';

describe('a data directory that cannot be read', () => {
  test.each(['EACCES', 'EPERM'])('for the rights (%s) names the user as the remedy', (code) => {
    const { message, hint } = refused(code);
    expect(message).toBe(`/data/wal: ${code}: simulated`);
    expect(hint).toContain('as the user that the proxy runs as');
    expect(hint).not.toContain(HINT);
  });

  test.each(['ENOENT', 'ENOTDIR', 'EIO'])('for another reason (%s) says which to name', (code) => {
    expect(refused(code)).toMatchObject({ code: 'DATA_UNUSABLE', hint: HINT });
  });
});

function refused(code: string): ReturnType<typeof dataUnusable> {
  const cause = Object.assign(new Error(`${code}: simulated`), { code });
  return dataUnusable('/data/wal', cause, HINT);
}
