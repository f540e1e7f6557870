import { hash } from 'node:crypto';

/**
 * A sealed object: one line of JSON whose last field, `sha256`, is over the bytes before it, so that any
 * changed byte shows. `{"format":1,"lane":"…","sha256":"<64 hex digits>"}\n`
 */
const SEAL_START = ',"sha256":"';
const SEAL_END = '"}\n';
const DIGEST_CHARACTERS = 64;
const SEAL_BYTES = SEAL_START.length + DIGEST_CHARACTERS + SEAL_END.length;

/** The object must have a field, and none named `sha256`. */
export function seal(object: object): string {
  const sealed = JSON.stringify(object).slice(0, -1);
  return sealed + sealOf(Buffer.from(sealed));
}

/** The object without its seal; undefined when these are not the bytes that `seal` made. */
export function unseal(text: Buffer | string): Readonly<Record<string, unknown>> | undefined {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.length < SEAL_BYTES + 2) return undefined;
  const sealed = bytes.subarray(0, bytes.length - SEAL_BYTES);
  const found = bytes.subarray(bytes.length - SEAL_BYTES);
  if (!found.equals(Buffer.from(sealOf(sealed)))) return undefined;
  try {
    return JSON.parse(`${sealed.toString()}}`) as Record<string, unknown>;
  } catch {
    // Sealed by someone else: no object of ours.
    return undefined;
  }
}

function sealOf(bytes: Buffer): string {
  return SEAL_START + hash('sha256', bytes) + SEAL_END;
}
