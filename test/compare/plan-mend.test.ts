import { describe, expect, test } from 'vitest';
import type { LogAnswer } from '../../src/compare/compare-request.ts';
import type { DifferenceKind, HourDifference } from '../../src/compare/difference.ts';
import { type LogLimits, planMend } from '../../src/compare/plan-mend.ts';

const SECOND = 1_500_000_000;
const RECEIVED_MS = SECOND * 1_000 + 500;

interface Case {
  readonly kind?: DifferenceKind;
  readonly source: string | null;
  readonly target?: string;
  readonly instantMs?: number;
  readonly isShownExactly?: boolean;
  readonly answer?: LogAnswer | undefined;
  readonly fixesDuplicates?: boolean;
  readonly log?: LogLimits;
  readonly tags?: Readonly<Record<string, string>>;
}

/** The line that is sent, after its transport, or why none is. */
function plan(given: Case): string {
  const { kind = 'missing', source, instantMs = SECOND * 1_000, isShownExactly = true } = given;
  const { answer, fixesDuplicates = true, log = {}, tags = { h: 'a' }, target = null } = given;
  const point = { instantMs, source, target, isShownExactly };
  const difference: HourDifference = {
    kind,
    side: null,
    metric: 'm',
    tags,
    hourMs: 0,
    points: [point],
    reason: null,
  };
  const mend = planMend(difference, point, answer, { fixesDuplicates, log });
  return mend.kind === 'cannot' ? mend.reason : `${mend.from} ${mend.transport} ${mend.line}`;
}

function written(value: string, transport: 'http' | 'telnet' = 'telnet'): LogAnswer {
  const line = `put m ${SECOND} ${value} h=a`;
  return {
    isRefused: false,
    undone: [],
    written: { transport, value, line, receivedAt: RECEIVED_MS },
  };
}

describe('a point that differs is mended', () => {
  test.each([
    [{ source: '9007199254740993' }, `api http put m ${SECOND} 9007199254740993 h=a`],
    [{ source: '1.0E-5' }, `api http put m ${SECOND} 1.0E-5 h=a`],
    [{ source: '1', instantMs: 1_500_000_000_500 }, 'api http put m 1500000000500 1 h=a'],
    [{ source: '1', instantMs: 4_294_967_295_000 }, 'api http put m 4294967295 1 h=a'],
    [{ source: '1', instantMs: 4_294_967_296_000 }, 'api http put m 4294967296000 1 h=a'],
    [
      { source: '1', tags: { h: 'a b' } },
      `api http http POST /api/put {"metric":"m","timestamp":${SECOND},"value":"1","tags":{"h":"a b"}}`,
    ],
    [{ kind: 'different', source: '1' }, `api http put m ${SECOND} 1 h=a`],
  ] as const)('by what the source shows: %o', (given, line) => {
    expect(plan(given)).toBe(line);
  });

  test.each([
    [{ source: '1.1', answer: written('1.10') }, `log telnet put m ${SECOND} 1.10 h=a`],
    [
      {
        source: '9.007199254740992E15',
        isShownExactly: false,
        answer: written('9007199254740993'),
      },
      `log telnet put m ${SECOND} 9007199254740993 h=a`,
    ],
    [
      { kind: 'form', source: '5.0', answer: written('5e0', 'http') },
      `log http put m ${SECOND} 5e0 h=a`,
    ],
  ] as const)('by what was sent once: %o', (given, line) => {
    expect(plan(given)).toBe(line);
  });

  test.each([
    [{ kind: 'extra', source: null }, 'OpenTSDB deletes no single points'],
    [{ source: '1', answer: written('2') }, "the log's last write of it is 2"],
    [{ source: '9.007199254740992E15', isShownExactly: false }, 'does not show all its digits'],
    [{ source: 'NaN' }, 'nothing that can be put'],
    [{ source: '1 and 2' }, 'nothing that can be put'],
    [{ source: '1', instantMs: 4_294_967_295 }, 'nothing that can be put'],
    [{ kind: 'different', source: '1', fixesDuplicates: false }, 'fix_duplicates=false'],
  ] as const)('or it is said why not: %o', (given, words) => {
    expect(plan(given)).toContain(words);
  });

  test('but never over a write that may be later than what is known of the log', () => {
    const given = { source: '1', answer: written('1'), log: { endsMs: SECOND * 1_000 } };
    for (const kind of ['different', 'form'] as const) {
      expect(plan({ ...given, kind })).toContain('up to 2017-07-14T02:40:00.000Z only');
    }
    expect(plan({ ...given, kind: 'missing' })).toBe(`log telnet put m ${SECOND} 1 h=a`);
  });

  test.each([
    ['when it was received', written('1'), RECEIVED_MS, 'up to 2017-07-14T02:40:00.500Z'],
    ['nobody knows when', written('1'), Infinity, 'the log lacks records and'],
    ['and nothing that it has', undefined, RECEIVED_MS - 1, 'up to 2017-07-14T02:40:00.499Z'],
  ])('nor over one that may be among what the log lacks: %s', (_, answer, lacksToMs, words) => {
    const given = { source: '1', answer, log: { lacksToMs } };
    for (const kind of ['different', 'form'] as const) {
      expect(plan({ ...given, kind })).toContain(words);
    }
    expect(plan({ ...given, kind: 'missing' })).toContain(`put m ${SECOND} 1 h=a`);
  });

  test('over one from before the last that the log has, whatever else it lacks', () => {
    const given = { source: '1', answer: written('1'), log: { lacksToMs: RECEIVED_MS - 1 } };
    expect(plan({ ...given, kind: 'different' })).toBe(`log telnet put m ${SECOND} 1 h=a`);
  });

  test('also in a target that fixes no duplicates, if it holds nothing there', () => {
    expect(plan({ source: '1', fixesDuplicates: false })).toBe(`api http put m ${SECOND} 1 h=a`);
  });
});

describe('what a fork undid', () => {
  const undone = ['666', '667'];
  const log = { isAllUndoneKnown: true };
  const only: LogAnswer = { isRefused: false, undone, written: null };
  const good: LogAnswer = { ...written('1'), undone };

  test.each([{}, { lacksToMs: Infinity }, { endsMs: 0 }, { isAllUndoneKnown: false }])(
    'is never sent as the source shows it: %o',
    (more) => {
      for (const kind of ['missing', 'different'] as const) {
        const given = { kind, answer: only, log: { ...log, ...more } };
        expect(plan({ ...given, source: '667' })).toBe('the log has no other write of it');
        expect(plan({ ...given, source: '666' })).toBe('the log has no other write of it');
      }
    },
  );

  test('gives way to the write before it, where no later one can be', () => {
    for (const kind of ['missing', 'different'] as const) {
      const given = { kind, source: '667', answer: good };
      expect(plan({ ...given, log })).toBe(`log telnet put m ${SECOND} 1 h=a`);
      const lacking = plan({ ...given, log: { ...log, lacksToMs: Infinity } });
      expect(lacking).toMatch(/lacks records and .* a later write that was among them$/);
      expect(plan({ ...given, log: { ...log, endsMs: 0 } })).toContain('only');
    }
  });

  test('is not put over what the target has as the log has it, whatever else is missing', () => {
    const given = { kind: 'different', source: '667', target: '1', answer: good } as const;
    for (const more of [{}, { lacksToMs: Infinity }, { endsMs: 0 }]) {
      expect(plan({ ...given, log: { ...log, ...more } })).toBe('the target has what the log has');
    }
  });

  test('is not taken for what counts with the same value, nor for another', () => {
    expect(plan({ source: '1', answer: { ...good, undone: ['1'] }, log })).toContain('log telnet');
    expect(plan({ source: '5', answer: only, log })).toBe(`api http put m ${SECOND} 5 h=a`);
    expect(plan({ source: '5', log })).toBe(`api http put m ${SECOND} 5 h=a`);
  });

  test('may be what the source shows where not all of it is known', () => {
    const lacking = { isAllUndoneKnown: false };
    expect(plan({ source: '5', log: lacking })).toContain('lacks records that this undid');
    expect(plan({ source: '1', answer: written('1'), log: lacking })).toContain('log telnet');
  });
});

describe('a repair without the log is advised', () => {
  const ADVICE = 'repair without the log';
  const log = { lacksToMs: Infinity };
  const given = { kind: 'different', source: '2', answer: written('1'), log } as const;

  test('where that would send what the source has later', () => {
    expect(plan({ ...given, target: '3' })).toContain(ADVICE);
    expect(plan({ ...given, target: '1' })).toMatch(
      /^the target has what the log has; .* and the source may have a later write.*repair without/,
    );
  });

  test('neither beside forks, nor where it would send nothing', () => {
    for (const target of ['1', '3']) {
      const forked = plan({ ...given, target, log: { ...log, isAllUndoneKnown: true } });
      expect(forked).toContain('lacks records');
      expect(forked).not.toContain(ADVICE);
      expect(plan({ ...given, target, isShownExactly: false })).not.toContain(ADVICE);
    }
  });
});
