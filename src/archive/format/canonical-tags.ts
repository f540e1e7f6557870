/**
 * The column `tags`: one text for one set of tags, whichever way a point came. `k=v k=v` by the bytes of the keys; of
 * each word `%` and what a put line can't carry (white space, controls, `=`) is percent-encoded.
 */
export function canonicalTags(tags: Iterable<readonly [string, string]>): string {
  return [...tags]
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, value]) => `${encodeWord(key)}=${encodeWord(value)}`)
    .join(' ');
}

/** The tags that such a text stands for. */
export function tagsOf(text: string): Record<string, string> {
  const pairs = text.split(' ').map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    return [decodeURIComponent(pair.slice(0, equals)), decodeURIComponent(pair.slice(equals + 1))];
  });
  return Object.fromEntries(pairs);
}

// oxlint-disable-next-line no-control-regex -- these are what it is about.
const ENCODED = /[\u0000-\u0020%=\u007f-\u00a0]/g;

/** A key or a value as it stands in such a text. */
export function encodeWord(word: string): string {
  return word.replaceAll(ENCODED, encodeURIComponent);
}
