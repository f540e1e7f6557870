/** What came from outside, to be looked at field by field. */
export type Fields = Readonly<Record<string, unknown>>;

/** Of what is no object: none. */
export function fieldsOf(value: unknown): Fields {
  return (value ?? {}) as Fields;
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

export function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}
