export const AT = 0x40;
export const NEWLINE = 0x0a;
export const TAB = 0x09;
export const SPACE = 0x20;
export const EQUALS = 0x3d;
export const ZERO = 0x30;

/*
 * The words of the lines of a frame's body, found without a copy. Each search ends at the body's last newline at the latest:
 * a read past the end, once done, would make V8 slow for good.
 */

/** 1 for the bytes of a metric or a value that are themselves in a row. */
const IS_WORD = new Uint8Array(256).map((_, byte) =>
  Number(![0x01, 0x09, 0x0a, 0x0d, 0x20].includes(byte)),
);
/** The same for tags: without what may have to be encoded (0xc2 starts U+0080 to U+00BF), and `=`. */
const IS_TAG = new Uint8Array(256).map((_, byte) =>
  Number(byte > SPACE && ![0x25, EQUALS, 0x7f, 0xc2].includes(byte)),
);

export function isPut(body: Buffer, at: number): boolean {
  return (
    body[at] === 0x70 && body[at + 1] === 0x75 && body[at + 2] === 0x74 && body[at + 3] === SPACE
  );
}

/** Whether the key at `a` sorts before the one at `b`; both end with `=`, which is in neither. */
export function isBefore(body: Buffer, a: number, b: number): boolean {
  for (let index = 0; ; index += 1) {
    const left = body[a + index] ?? 0;
    const right = body[b + index] ?? 0;
    if (left === right && left !== EQUALS) continue;
    if (left === EQUALS) return true;
    return right !== EQUALS && left < right;
  }
}

export function endOfWord(body: Buffer, start: number): number {
  let at = start;
  while (IS_WORD[body[at] ?? 0] === 1) at += 1;
  return at;
}

export function endOfTagWord(body: Buffer, start: number): number {
  let at = start;
  while (IS_TAG[body[at] ?? 0] === 1) at += 1;
  return at;
}

export function readNumber(body: Buffer, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at += 1) number = number * 10 + (body[at] ?? 0) - ZERO;
  return number;
}
