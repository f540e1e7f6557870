import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LineBuffer } from '../../src/record/line-buffer.ts';
import { parsePutBody } from '../../src/opentsdb/put-body.ts';
import {
  errorBody,
  parseSyncTimeout,
  putReply,
  syncTimeoutError,
  wrapJsonp,
} from '../../src/opentsdb/put-reply.ts';
import type { HttpReply } from '../../src/opentsdb/put-reply.ts';
import { DEFAULT_RULES } from '../../src/opentsdb/put-rules.ts';
import { parseTelnetPut, scanTelnet } from '../../src/opentsdb/telnet-put.ts';
import { helpReply, unknownCommandReply } from '../../src/opentsdb/telnet-reply.ts';

/** What the real OpenTSDB answered, recorded; the fields used here. */
interface HttpCase {
  readonly id: string;
  readonly protocol: 'http';
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly body?: string | null;
  };
  readonly expect: {
    readonly status?: number;
    readonly bodyJson?: unknown;
    readonly bodyText?: string;
    readonly bodyRegex?: string;
  };
}

interface TelnetCase {
  readonly id: string;
  readonly protocol: 'telnet';
  readonly request: { readonly lines: readonly string[] };
  readonly expect: { readonly reply?: string; readonly replyRegex?: string };
}

const NOW = 1_795_380_000;

/** Puts values for `${P}`, `${NOW+n}` and `${NOWMS+n}`. */
const fill = (text: string): string =>
  text
    .replaceAll('${P}', 'case')
    .replaceAll(/\$\{NOW(MS)?(?:\+(\d+))?\}/g, (_, ms?: string, plus = '0') =>
      String((ms === undefined ? NOW : NOW * 1000) + Number(plus)),
    );

const recorded = readFileSync('test/e2e/conformance/cases.jsonl', 'utf8').trim().split('\n');
const recordedCases = recorded.map((line) => JSON.parse(fill(line)) as HttpCase | TelnetCase);

const isPut = (recordedCase: HttpCase | TelnetCase): recordedCase is HttpCase => {
  if (recordedCase.protocol === 'telnet') return false;
  const { request, expect: expected } = recordedCase;
  const isPost = request.method === 'POST' && /^\/api\/put(\?|$)/.test(request.path);
  return isPost && expected.status !== undefined;
};

const isTelnet = (recordedCase: HttpCase | TelnetCase): recordedCase is TelnetCase =>
  recordedCase.protocol === 'telnet' &&
  /^ ?(put |\r?\n|foo|help|pUT| )/.test(recordedCase.request.lines[0] ?? '');

const httpCases = recordedCases.filter(isPut);
const telnetCases = recordedCases.filter(isTelnet);

/** A matcher for `bodyJson`: `${ANY}`, `${RE:...}`, and a text of digits also for a number. */
const matcher = (expected: unknown): unknown => {
  if (typeof expected === 'string') {
    if (expected === '${ANY}') return expect.any(String);
    const pattern = /^\$\{RE:(.*)\}$/s.exec(expected)?.[1];
    return pattern === undefined ? expected : expect.stringMatching(pattern);
  }
  if (Array.isArray(expected)) return expected.map(matcher);
  if (typeof expected !== 'object' || expected === null) return expected;
  return Object.fromEntries(
    Object.entries(expected).map(([key, value]) => [
      key,
      key === 'timestamp' && typeof value === 'string' ? Number(value) : matcher(value),
    ]),
  );
};

/** A matcher for a text that has to be given, or to match the pattern. */
const textMatcher = (text: string | undefined, pattern: string | undefined): unknown =>
  pattern === undefined ? text : expect.stringMatching(new RegExp(pattern));

function answer(path: string, body: Buffer): HttpReply {
  const query = new URL(path, 'http://proxy').searchParams;
  const outcome = parsePutBody(body, DEFAULT_RULES, new LineBuffer(16));
  if (outcome.kind === 'refused') {
    const { status, message, details } = outcome;
    return { status, body: errorBody(status, message, details) };
  }
  const timeoutText = query.get('sync_timeout') ?? '0';
  const syncTimeoutMs = parseSyncTimeout(timeoutText);
  if (syncTimeoutMs === undefined) {
    return { status: 500, body: errorBody(500, syncTimeoutError(timeoutText)) };
  }
  return putReply(outcome, {
    summary: query.has('summary'),
    details: query.has('details'),
    sync: query.has('sync'),
    syncTimeoutMs,
  });
}

describe('POST /api/put answers as the real OpenTSDB did', () => {
  test('there are recorded cases', () => {
    expect(httpCases.length).toBeGreaterThan(130);
    expect(telnetCases.length).toBeGreaterThan(45);
  });

  test.each(httpCases)('$id', ({ request, expect: expected }) => {
    const reply = answer(request.path, Buffer.from(request.body ?? ''));
    const callback = new URL(request.path, 'http://proxy').searchParams.get('jsonp');
    const { status, body } = callback === null ? reply : wrapJsonp(reply, callback);
    const { bodyJson, bodyText, bodyRegex } = expected;
    const isJson = bodyJson !== undefined;
    const shown: unknown = isJson ? JSON.parse(body ?? '') : body;
    expect(status).toBe(expected.status);
    expect(shown).toEqual(isJson ? matcher(bodyJson) : textMatcher(bodyText, bodyRegex));
  });
});

const COMMANDS = ['stats', 'version', 'exit', 'help', 'put', 'rollup', 'histogram'];

function converse(lines: readonly string[]): string {
  const chunk = Buffer.from(lines.join(''), 'latin1');
  let replies = '';
  scanTelnet(chunk, chunk.lastIndexOf('\n') + 1, DEFAULT_RULES, new LineBuffer(16), (line) => {
    const [command = ''] = line.split(' ');
    if (command === 'help') replies += `${helpReply(COMMANDS)}\n`;
    else if (command !== 'put') replies += `${unknownCommandReply(command)}\n`;
    else {
      const outcome = parseTelnetPut(line, DEFAULT_RULES);
      if (outcome.kind === 'error') replies += `${outcome.reply}\n`;
    }
  });
  return replies;
}

describe('telnet lines are answered as the real OpenTSDB did', () => {
  test.each(telnetCases)('$id', ({ request, expect: expected }) => {
    const replies = converse(request.lines);
    expect(replies).toEqual(textMatcher(expected.reply, expected.replyRegex));
  });
});
