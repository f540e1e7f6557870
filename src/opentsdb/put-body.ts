import type { LineBuffer } from '../record/line-buffer.ts';
import { parsePutJson } from './put-json.ts';
import type { PutBodyResult } from './put-result.ts';
import type { PutRules } from './put-rules.ts';
import { pointsOf, scanPutBody } from './put-scanner.ts';

/**
 * Reads a body of `POST /api/put`, in UTF-8, as OpenTSDB would, and appends a line for each point
 * that it would accept. A refused body appends nothing.
 */
export function parsePutBody(body: Buffer, rules: PutRules, out: LineBuffer): PutBodyResult {
  const accepted = scanPutBody(body, rules, out);
  if (accepted < 0) return parsePutJson(body, rules, out);
  return { kind: 'points', accepted, failures: [], inputIndexes: undefined, plain: pointsOf(body) };
}
