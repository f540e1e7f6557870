/** The parameters of a query string: of a repeated one the last counts, and a flag counts as set whatever its value. */
export type HttpQuery = ReadonlyMap<string, string>;

const NO_PARAMETERS: HttpQuery = new Map();

/** The part of a request target after `?` as OpenTSDB reads it; undefined when an escape in it is malformed. */
export function parseHttpQuery(target: string): HttpQuery | undefined {
  const start = target.indexOf('?');
  if (start < 0 || start === target.length - 1) return NO_PARAMETERS;
  const parameters = new Map<string, string>();
  for (const part of target.slice(start + 1).split(/[&;]/)) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = unescapeComponent(equals < 0 ? part : part.slice(0, equals));
    const value = equals < 0 ? '' : unescapeComponent(part.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    parameters.set(name, value);
  }
  return parameters;
}

/** Undoes `+`, `%xx` and, as OpenTSDB's decoder does, `%%`; undefined when malformed. */
export function unescapeComponent(text: string): string | undefined {
  if (!text.includes('%') && !text.includes('+')) return text;
  const source = Buffer.from(text, 'utf8');
  const bytes = Buffer.allocUnsafe(source.length);
  let length = 0;
  for (let at = 0; at < source.length; at++) {
    let byte = source[at] ?? 0;
    if (byte === 0x2b) byte = 0x20;
    if (byte === 0x25 && source[at + 1] === 0x25) {
      at += 1;
    } else if (byte === 0x25) {
      const hex = source.toString('latin1', at + 1, at + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return undefined;
      byte = Number.parseInt(hex, 16);
      at += 2;
    }
    bytes[length++] = byte;
  }
  return bytes.toString('utf8', 0, length);
}
