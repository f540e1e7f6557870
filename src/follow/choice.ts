import type { Fork } from '../record/fork.ts';
import type { Position } from '../record/position.ts';
import type { Term } from '../record/term.ts';
import { readIntact } from '../runtime/checked-json.ts';
import { WalError } from '../runtime/errors.ts';

/** Of the data directory. */
export const CHOICE_FILE = 'primary-choice.json';

/** A hold: from `sinceMs` on nothing is sent to the primary, and of what was sent before everything was answered or given up. */
export interface PrimaryHold {
  /** Receive time, epoch ms. */
  readonly sinceMs: number;
  /** The end of the log then: nothing after it was ever sent to the primary. */
  readonly until: Position;
}

/** What was decided while the proxy ran. Where there is none, the configuration's primary is it. */
export interface Choice {
  /** The origin of the primary. */
  readonly primary: string;
  /** What it was made the primary in place of: a configuration that names one of these means it. */
  readonly insteadOf: readonly string[];
  readonly hold: PrimaryHold | null;
  /** Where its feed begins, as long as the cursor may not be there yet. */
  readonly begin: Position | null;
  /** What the log has still to be told: the primary is one that was behind that log, and has nothing of what this undoes. */
  readonly fork: Fork | null;
  /** Since when it is the primary, as long as that may not be written where it stays. */
  readonly term: Term | null;
}

/** The configuration names another OpenTSDB than the one that is the primary since a switch. */
export interface Misnamed {
  /** The origin of the primary. */
  readonly primary: string;
  readonly configured: string;
  /** The primary is held, and what is configured never was one: it may be meant to be the next. */
  readonly isNext: boolean;
}

export function held(choice: Choice | undefined, configured: string, hold: PrimaryHold): Choice {
  return { ...(choice ?? chosen(configured)), hold };
}

export function switched(
  choice: Choice | undefined,
  configured: string,
  { to, ...rest }: { readonly to: string } & Pick<Choice, 'begin' | 'fork' | 'term'>,
): Choice {
  const { primary, insteadOf } = choice ?? chosen(configured);
  const names = new Set([...insteadOf, primary]);
  names.delete(to);
  return { primary: to, insteadOf: [...names], hold: null, ...rest };
}

/** What is still to be said once the cursor is where it belongs; undefined: the configuration says it. */
export function settled(choice: Choice, configured: string): Choice | undefined {
  const isSaid = choice.hold === null && choice.fork === null;
  if (isSaid && choice.primary === configured) return undefined;
  return { ...choice, begin: null, term: null };
}

/** Whether the configuration may name this one, given the choice. While it is held, nothing goes anywhere: any may be named. */
function isMeant({ primary, insteadOf, hold }: Choice, configured: string): boolean {
  return hold !== null || primary === configured || insteadOf.includes(configured);
}

export function misnamedIn(choice: Choice | undefined, configured: string): Misnamed | undefined {
  if (choice === undefined || choice.primary === configured) return undefined;
  const { primary, insteadOf, hold } = choice;
  return { primary, configured, isNext: hold !== null && !insteadOf.includes(configured) };
}

/** For people: what to do about it. */
export function tellMisnamed({ primary, configured, isNext }: Misnamed): string {
  if (!isNext) {
    return `the primary is ${primary}, and the configuration still names ${configured}: change it`;
  }
  return `the primary is ${primary}, which is held, and a release feeds that, though the configuration names ${configured}. If ${configured} was restored from this log since the hold, stop, remove DATA/${CHOICE_FILE}, and start again: it is then fed from where ${primary} stands (docs/RECOVERY.md, A). Else name ${primary}`;
}

function chosen(primary: string): Choice {
  return { primary, insteadOf: [], hold: null, begin: null, fork: null, term: null };
}

/** What the file says, where the configuration's primary may be named with it; undefined: there is none. Throws DATA_UNUSABLE, CONFIG_INVALID. */
export async function readMeant(path: string, configured: string): Promise<Choice | undefined> {
  const read = await readIntact<Partial<Choice>>(path, {
    lost: 'what the primary is',
    hint: 'Put it back from a copy. Or make sure that the configuration names the primary in effect, and remove it: a hold ends thereby.',
  });
  if (read === undefined) return undefined;
  // Directories of earlier versions say less.
  const choice = { ...chosen(configured), ...read };
  if (isMeant(choice, configured)) return choice;
  const { primary, insteadOf } = choice;
  const before = insteadOf.length === 0 ? '' : `, in place of ${insteadOf.join(' and ')}`;
  throw new WalError(
    'CONFIG_INVALID',
    `this data directory feeds ${primary}${before}, and the configuration names ${configured} as the primary`,
    {
      hint: `Set primary to ${primary}. If ${configured} is the same OpenTSDB under another address, or a copy of it, remove ${path}: it is then fed from where ${primary} stands.`,
    },
  );
}
