/**
 * What the primary's configuration lets a data point be. Learnt from its `/api/config`; before it was
 * ever seen the fields are undefined, and then that rule is not enforced here.
 */
export interface PutRules {
  /** `tsd.storage.max_tags`. */
  readonly tagsMax: number | undefined;
  /** `tsd.core.tag.allow_specialchars`: legal in names beside letters, digits and `-_./`. */
  readonly specialChars: string | undefined;
}

/** Nothing known of the primary yet. */
export const UNKNOWN_RULES: PutRules = { tagsMax: undefined, specialChars: undefined };

/** OpenTSDB 2.4's defaults. */
export const DEFAULT_RULES: PutRules = { tagsMax: 8, specialChars: '' };
