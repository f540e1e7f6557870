import type { HttpExpectation } from './cases.ts';
import { isObject, type Json, JsonNumber, parseJson } from '../../kit/exact-json.ts';
import { Placeholders } from './placeholders.ts';
import type { HttpResponse } from './wire.ts';

/** The first difference in words; undefined when there is none. */
type Difference = string | undefined;

export function matchResponse(
  expected: HttpExpectation,
  actual: HttpResponse,
  placeholders: Placeholders,
): Difference {
  const text = actual.body.toString('utf8');
  if (actual.status !== expected.status) {
    return `status ${actual.status}, want ${expected.status}: ${text.slice(0, 200)}`;
  }
  for (const [name, want] of Object.entries(expected.headers ?? {})) {
    const difference = matchHeader(want, actual.headers.get(name.toLowerCase()), placeholders);
    if (difference !== undefined) return `header ${name}: ${difference}`;
  }
  if (expected.empty === true && text !== '') return `body not empty: ${text.slice(0, 100)}`;
  if (expected.bodyRegex !== undefined) {
    const pattern = placeholders.pattern(expected.bodyRegex);
    if (!pattern.test(text)) return `body ${text.slice(0, 300)} !~ ${pattern}`;
  }
  if (expected.bodyText !== undefined && placeholders.fill(expected.bodyText) !== text) {
    return `body ${text.slice(0, 300)}, want ${placeholders.fill(expected.bodyText)}`;
  }
  return expected.bodyJson === undefined
    ? undefined
    : matchJsonText(expected.bodyJson, text, placeholders);
}

export function matchSeries(expected: Json, text: string, placeholders: Placeholders): Difference {
  return matchJsonText(expected, text, placeholders, sortSeries);
}

export function matchReply(
  expected: { readonly reply?: string; readonly replyRegex?: string },
  actual: string,
  placeholders: Placeholders,
): Difference {
  const { reply, replyRegex } = expected;
  if (reply !== undefined && placeholders.fill(reply) !== actual) {
    return `reply ${JSON.stringify(actual)}, want ${JSON.stringify(placeholders.fill(reply))}`;
  }
  if (replyRegex !== undefined && !placeholders.pattern(replyRegex).test(actual)) {
    return `reply ${JSON.stringify(actual)} !~ ${replyRegex}`;
  }
  return undefined;
}

function matchHeader(
  want: string | null,
  actual: string | undefined,
  placeholders: Placeholders,
): Difference {
  if (want === null) return actual === undefined ? undefined : `present: ${actual}`;
  return actual === undefined ? 'absent' : matchString(want, actual, placeholders);
}

function matchJsonText(
  expected: Json,
  text: string,
  placeholders: Placeholders,
  arrange = (value: Json): Json => value,
): Difference {
  let actual: Json;
  try {
    actual = parseJson(text);
  } catch {
    return `not JSON: ${text.slice(0, 200)}`;
  }
  return matchJson(expected, arrange(actual), { path: '$', placeholders });
}

interface Place {
  readonly path: string;
  readonly placeholders: Placeholders;
}

function matchJson(expected: Json, actual: Json, place: Place): Difference {
  const { path, placeholders } = place;
  if (typeof expected === 'string') {
    const difference = matchString(expected, actual, placeholders);
    return difference === undefined ? undefined : `${path}: ${difference}`;
  }
  if (expected instanceof JsonNumber) {
    const same = actual instanceof JsonNumber && expected.equals(actual);
    return same ? undefined : `${path}: got ${show(actual)}, want ${expected.text}`;
  }
  if (Array.isArray(expected)) return matchList(expected, actual, place);
  if (isObject(expected)) return matchObject(expected, actual, place);
  return expected === actual ? undefined : `${path}: got ${show(actual)}, want ${show(expected)}`;
}

function matchList(expected: readonly Json[], actual: Json, place: Place): Difference {
  if (!Array.isArray(actual) || actual.length !== expected.length) {
    return `${place.path}: got ${show(actual)}, want ${expected.length} items`;
  }
  const items: readonly Json[] = actual;
  for (const [index, want] of expected.entries()) {
    const at = { ...place, path: `${place.path}[${index}]` };
    const difference = matchJson(want, items[index] ?? null, at);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function matchObject(
  expected: { readonly [key: string]: Json },
  actual: Json,
  place: Place,
): Difference {
  const { path, placeholders } = place;
  if (!isObject(actual)) return `${path}: got ${show(actual)}, want an object`;
  // A stack trace comes with a setting of OpenTSDB, and differs from version to version.
  const ignored = path.endsWith('.error') ? 'trace' : undefined;
  const keys = Object.keys(actual).filter((key) => key !== ignored);
  const wanted = new Map(
    Object.entries(expected).map(([key, want]) => [placeholders.fill(key), want]),
  );
  if (keys.length !== wanted.size || keys.some((key) => !wanted.has(key))) {
    return `${path}: keys ${keys.toSorted().join()}, want ${[...wanted.keys()].toSorted().join()}`;
  }
  for (const [key, want] of wanted) {
    const difference = matchJson(want, actual[key] ?? null, { ...place, path: `${path}.${key}` });
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function matchString(expected: string, actual: Json, placeholders: Placeholders): Difference {
  if (expected === '${ANY}') return undefined;
  if (expected.startsWith('${RE:') && expected.endsWith('}')) {
    const pattern = placeholders.pattern(expected.slice('${RE:'.length, -1));
    return typeof actual === 'string' && pattern.test(actual)
      ? undefined
      : `${show(actual)} !~ ${pattern}`;
  }
  const want = placeholders.fill(expected);
  const got = actual instanceof JsonNumber && Placeholders.isTime(expected) ? actual.text : actual;
  return got === want ? undefined : `got ${show(got)}, want ${JSON.stringify(want)}`;
}

function sortSeries(value: Json): Json {
  if (!Array.isArray(value)) return value;
  const series: readonly Json[] = value;
  const keyed = series.map((one) => ({ one, key: seriesKey(one) }));
  return keyed
    .toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)))
    .map(({ one }) => one);
}

/** The order in which the cases were recorded: by the ASCII form of the metric and the sorted tags. */
function seriesKey(series: Json): string {
  if (!isObject(series)) return '';
  const tags = isObject(series['tags']) ? series['tags'] : {};
  const sorted = Object.keys(tags)
    .toSorted()
    .map((key) => [key, tags[key]]);
  return JSON.stringify([series['metric'], Object.fromEntries(sorted)]).replace(
    /[^ -~]/g,
    (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function show(value: Json): string {
  return value instanceof JsonNumber ? value.text : JSON.stringify(value).slice(0, 200);
}
