import { crc32 } from 'node:zlib';

/** CRC-32 of a text, as eight hexadecimal digits. */
export function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
