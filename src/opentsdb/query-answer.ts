/** One series of an answer to `/api/query?arrays`. */
export interface QueriedSeries {
  readonly metric: string;
  readonly tags: Readonly<Record<string, string>>;
  /** In the order of the answer; the same time may come twice. Both texts are as OpenTSDB wrote them. */
  readonly cells: readonly (readonly [timestamp: string, value: string])[];
}

const CELLS = '"dps":[';

/**
 * Reads the answer to a query that asked for arrays. Numbers stay texts, since the digits of a long
 * don't fit into a JavaScript number. Throws a SyntaxError on anything else.
 */
export function readQueryAnswer(text: string): QueriedSeries[] {
  const cells: QueriedSeries['cells'][] = [];
  const parts: string[] = [];
  let at = 0;
  // Inside a string the quotes of this mark would be escaped.
  for (let mark = text.indexOf(CELLS); mark >= 0; mark = text.indexOf(CELLS, at)) {
    const start = mark + CELLS.length;
    const end = text.startsWith(']', start) ? start : text.indexOf(']]', start) + 1;
    if (end === 0) throw new SyntaxError('the answer to a query breaks off');
    parts.push(text.slice(at, mark), `"dps":${cells.length}`);
    cells.push(readCells(text.slice(start, end)));
    at = end + 1;
  }
  parts.push(text.slice(at));
  const answer: unknown = JSON.parse(parts.join(''));
  if (!Array.isArray(answer)) throw new SyntaxError('the answer to a query is no array');
  return (answer as readonly unknown[]).map((element) => readSeries(element, cells));
}

/** `[1,2],[3,4]` */
function readCells(text: string): [string, string][] {
  if (text === '') return [];
  return text
    .slice(1, -1)
    .split('],[')
    .map((pair) => {
      const comma = pair.indexOf(',');
      if (comma < 0) throw new SyntaxError('a cell in the answer to a query is no pair');
      return [pair.slice(0, comma), pair.slice(comma + 1)];
    });
}

function readSeries(element: unknown, cells: readonly QueriedSeries['cells'][]): QueriedSeries {
  const { metric, tags, dps } = (element ?? {}) as Record<string, unknown>;
  const found = typeof dps === 'number' ? cells[dps] : undefined;
  if (typeof metric !== 'string' || found === undefined) {
    throw new SyntaxError('an element of the answer to a query is no series');
  }
  const pairs = Object.entries((tags ?? {}) as Record<string, unknown>);
  const texts = pairs.map(([key, value]) => [key, String(value)] as const);
  return { metric, tags: Object.fromEntries(texts), cells: found };
}
