/** A number as its JSON text: 1 and 1.0 differ, and no digit of a long is lost. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  equals(other: JsonNumber): boolean {
    if (isFloat(this.text) !== isFloat(other.text)) return false;
    return isFloat(this.text)
      ? Number(this.text) === Number(other.text)
      : BigInt(this.text) === BigInt(other.text);
  }
}

export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

const STRING_OR_NUMBER =
  /"(?:[^"\\]|\\.)*"|-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN/gs;

/** The key under which a number's text goes through JSON.parse. */
const NUMBER_KEY = '\0number';

/** Throws a SyntaxError for what is not JSON; NaN and Infinity are numbers, as they are to OpenTSDB. */
export function parseJson(text: string): Json {
  const marked = text.replace(STRING_OR_NUMBER, (token) =>
    token.startsWith('"') ? token : JSON.stringify({ [NUMBER_KEY]: token }),
  );
  return JSON.parse(marked, (_, part: Json) =>
    isObject(part) && typeof part[NUMBER_KEY] === 'string'
      ? new JsonNumber(part[NUMBER_KEY])
      : part,
  ) as Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof JsonNumber)
  );
}

function isFloat(text: string): boolean {
  return /[.eEIN]/.test(text);
}
