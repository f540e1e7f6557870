import { hash } from 'node:crypto';
import { WalError } from '../../runtime/errors.ts';

/**
 * A sealed object: one line of JSON whose last field, `sha256`, is over the bytes before it, so that any
 * changed byte shows. `{"format":1,"lane":"…","sha256":"<64 hex digits>"}\n`
 */
const SEAL_START = ',"sha256":"';
const SEAL_END = '"}\n';
const DIGEST_CHARACTERS = 64;
const SEAL_BYTES = SEAL_START.length + DIGEST_CHARACTERS + SEAL_END.length;

/** An object as a line of JSON whose last field, `sha256`, is of all bytes before it. It must have a field, and none of that name. */
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

const FORMAT = 1;
/** As every object that this version writes begins. */
const FORMAT_START = Buffer.from(`{"format":${FORMAT},`);

/** Throws FORMAT_NEWER when the content is whole, and of a later format than this version knows. */
export function assertFormat(content: Buffer, name: string): void {
  if (content.subarray(0, FORMAT_START.length).equals(FORMAT_START)) return;
  const format = unseal(content)?.['format'];
  if (typeof format !== 'number' || format <= FORMAT) return;
  throw new WalError('FORMAT_NEWER', `${name} was written by a newer tsdb-wal (format ${format})`, {
    context: { object: name, format },
    hint: 'Use that version. Nothing of the object is damaged: leave it where it is.',
  });
}

function sealOf(bytes: Buffer): string {
  return SEAL_START + hash('sha256', bytes) + SEAL_END;
}
