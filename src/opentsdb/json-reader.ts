/** A JSON value that is neither object nor array. `int` and `float` keep the number's text. */
export interface JsonScalar {
  readonly kind: 'string' | 'int' | 'float' | 'boolean' | 'null';
  readonly text: string;
}

/** The text is not the JSON that the caller asked for. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
}

const INT = /-?(?:0|[1-9]\d*)/y;
const FRACTION = /(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** With ALLOW_NON_NUMERIC_NUMBERS Jackson reads these as floats. */
const NON_NUMERIC = /NaN|Infinity|[+-]Infinity|[+-]INF/y;
const LITERAL = /true|false|null/y;
const HEX4 = /[\da-fA-F]{4}/y;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

/**
 * Reads JSON as Jackson 2.9 with ALLOW_NON_NUMERIC_NUMBERS does, a value at a time and in place:
 * strict JSON plus NaN and infinities; numbers keep their text. Every method throws a JsonError.
 */
export class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether the next value begins with the given character. */
  startsWith(character: '{' | '[' | '"'): boolean {
    this.#skipSpace();
    return this.#text[this.#at] === character;
  }

  /** Reads an object; `onMember` must read the value that follows each name. */
  members(onMember: (name: string) => void): void {
    this.#expect('{');
    if (this.#took('}')) return;
    do onMember(this.#memberName());
    while (this.#took(','));
    this.#expect('}');
  }

  /** Reads an array; `onElement` must read one element, and answers false when it wants no more: nothing can be read then. */
  elements(onElement: () => boolean): void {
    this.#expect('[');
    if (this.#took(']')) return;
    do {
      if (!onElement()) return;
    } while (this.#took(','));
    this.#expect(']');
  }

  scalar(): JsonScalar {
    this.#skipSpace();
    if (this.#text[this.#at] === '"') return { kind: 'string', text: this.#string() };
    const int = this.#match(INT);
    if (int !== undefined) {
      const rest = this.#match(FRACTION) ?? '';
      const next = this.#text[this.#at] ?? '';
      if ((next >= '0' && next <= '9') || next === '.') throw this.#unexpected('a valid number');
      return { kind: rest === '' ? 'int' : 'float', text: int + rest };
    }
    const float = this.#match(NON_NUMERIC);
    if (float !== undefined) return { kind: 'float', text: float };
    const literal = this.#match(LITERAL);
    if (literal === undefined) throw this.#unexpected('a string, number, true, false or null');
    return { kind: literal === 'null' ? 'null' : 'boolean', text: literal };
  }

  /** Reads any value and forgets it. Not recursive: the depth of foreign JSON has no limit. */
  skip(): void {
    const closers: string[] = [];
    for (;;) {
      const closer = this.#took('{') ? '}' : this.#took('[') ? ']' : undefined;
      if (closer === undefined) this.scalar();
      else if (!this.#took(closer)) {
        closers.push(closer);
        if (closer === '}') this.#memberName();
        continue;
      }
      while (closers.length > 0 && this.#took(closers.at(-1) ?? '')) closers.pop();
      if (closers.length === 0) return;
      this.#expect(',');
      if (closers.at(-1) === '}') this.#memberName();
    }
  }

  #memberName(): string {
    this.#skipSpace();
    const name = this.#string();
    this.#expect(':');
    return name;
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') throw this.#unexpected('a double quote');
    this.#at += 1;
    let read = '';
    let start = this.#at;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        read += this.#text.slice(start, this.#at) + this.#escape();
        start = this.#at;
      } else {
        // At the end of the text the code is NaN.
        if (!(code >= 0x20)) throw this.#unexpected('the end of a string');
        this.#at += 1;
      }
    }
    this.#at += 1;
    return read + this.#text.slice(start, this.#at - 1);
  }

  #escape(): string {
    const escaped = this.#text[this.#at + 1] ?? '';
    this.#at += 2;
    if (escaped === 'u') {
      const digits = this.#match(HEX4);
      if (digits === undefined) throw this.#unexpected('four hexadecimal digits');
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const character = ESCAPES.get(escaped);
    if (character === undefined) throw this.#unexpected('a known escape');
    return character;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [matched] = pattern.exec(this.#text) ?? [];
    if (matched !== undefined) this.#at += matched.length;
    return matched;
  }

  #took(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#took(character)) throw this.#unexpected(`'${character}'`);
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #unexpected(expected: string): JsonError {
    const before = this.#text.slice(0, this.#at).split('\n');
    const found = this.#text[this.#at];
    const what =
      found === undefined
        ? 'Unexpected end-of-input'
        : `Unexpected character (${JSON.stringify(found)} (code ${found.charCodeAt(0)}))`;
    const column = (before.at(-1) ?? '').length + 1;
    return new JsonError(
      `${what}: expected ${expected} at [line: ${before.length}, column: ${column}]`,
    );
  }
}
