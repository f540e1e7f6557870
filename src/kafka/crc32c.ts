/** CRC-32C, as Kafka's batches have it: another polynomial than zlib's. Eight bytes a step, which is four times as fast as one. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8);
    crc ^= (byteAt(bytes, at + 2) << 16) | (byteAt(bytes, at + 3) << 24);
    crc =
      entryAt(7, crc & 255) ^
      entryAt(6, (crc >>> 8) & 255) ^
      entryAt(5, (crc >>> 16) & 255) ^
      entryAt(4, crc >>> 24) ^
      entryAt(3, byteAt(bytes, at + 4)) ^
      entryAt(2, byteAt(bytes, at + 5)) ^
      entryAt(1, byteAt(bytes, at + 6)) ^
      entryAt(0, byteAt(bytes, at + 7));
  }
  for (; at < bytes.length; at += 1) {
    crc = entryAt(0, (crc ^ byteAt(bytes, at)) & 255) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

const POLYNOMIAL = 0x82_f6_3b_78;
const TABLES = makeTables();

/** Eight tables of 256: the remainder of a byte with so many zero bytes after it. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const before = tables[at - 256] ?? 0;
    tables[at] = (before >>> 8) ^ (tables[before & 255] ?? 0);
  }
  return tables;
}

function entryAt(zeros: number, byte: number): number {
  return TABLES[zeros * 256 + byte] ?? 0;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
