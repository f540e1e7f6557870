import type { ErrorCode } from '../../runtime/errors.ts';

/** For which command a configuration is. */
export type Purpose = 'start' | 'archive' | 'standby';

export const PURPOSES: readonly Purpose[] = ['start', 'archive', 'standby'];

export type ConfigFinding =
  | { readonly kind: 'ok' | 'warning'; readonly says: string }
  | {
      readonly kind: 'error';
      readonly code: ErrorCode;
      readonly says: string;
      /** Something waits on for a server that is gone: the process can't exit in order. */
      readonly isStuck?: true;
    };

export function formatFinding(finding: ConfigFinding): string {
  const code = finding.kind === 'error' ? ` ${finding.code}` : '';
  return `${finding.kind}${code}: ${finding.says}`;
}

/** fetch hides what happened in its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : error.message;
}
