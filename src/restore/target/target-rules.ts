import { tsdMode } from '../../opentsdb/server-facts.ts';
import type { Demands } from '../fold/fold-query.ts';
import { judgeContent, listNames } from './target-content.ts';
import type { UnfinishedRestore } from '../work-directory/unfinished.ts';

/** `fault`: a restore would fail, or be wrong. `warning`: it can be done, but look at this first. */
export interface TargetFinding {
  readonly kind: 'fault' | 'warning';
  readonly says: string;
  readonly remedy: string;
}

export interface TargetFacts {
  readonly version: string;
  /** The JSON of `/api/config`; undefined when it is not to be had. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** Of the metrics to be restored, those that have no UID yet. */
  readonly unknownMetrics: readonly string[];
  /** And those that hold data. */
  readonly heldMetrics: readonly string[];
  /** Metrics besides that hold data, as far as they are looked for: some are enough. */
  readonly otherMetrics: readonly string[];
  /** It answers through a tsdb-wal. */
  readonly isProxied: boolean;
}

export interface RestoreDemands extends Pick<Demands, 'tags'> {
  /** Every character of the names, except `=` and space between them. */
  readonly characters: string;
  /** What an interrupted run of the same restore meant to write: what is there may be of it. */
  readonly earlier: EarlierRun;
  /** Other restores into the target that were not finished: what is there may be of them. */
  readonly others: readonly UnfinishedRestore[];
  /** The data directory that is read, where its log is delivered to the target. */
  readonly feeder: string | undefined;
  /** Where restores that were not finished are looked for. */
  readonly work: string;
  readonly allowOtherMetrics: boolean;
}

export type EarlierRun = 'none' | 'this state' | 'another state';

interface SettingRule {
  readonly key: string;
  readonly kind: TargetFinding['kind'];
  /** Applies when the setting is that. */
  readonly when: boolean;
  readonly says: string;
  readonly remedy: string;
}

const RESTART = 'and restart the TSD';

const RULES: readonly SettingRule[] = [
  {
    key: 'tsd.core.authentication.enable',
    kind: 'fault',
    when: true,
    says: 'it wants credentials, which a restore has none of',
    remedy: `Set tsd.core.authentication.enable=false for the time of the restore ${RESTART}; let only this machine reach it meanwhile.`,
  },
  {
    key: 'tsd.core.auto_create_tagks',
    kind: 'warning',
    when: false,
    says: 'it makes no UIDs for new tag keys: points with one would be refused',
    remedy: `Set tsd.core.auto_create_tagks=true ${RESTART}, unless all were assigned before.`,
  },
  {
    key: 'tsd.core.auto_create_tagvs',
    kind: 'warning',
    when: false,
    says: 'it makes no UIDs for new tag values: points with one would be refused',
    remedy: `Set tsd.core.auto_create_tagvs=true ${RESTART}, unless all were assigned before.`,
  },
  {
    key: 'tsd.http.request.enable_chunked',
    kind: 'warning',
    when: false,
    says: 'it takes bodies of 8 KiB only, which makes the restore several times slower',
    remedy: `Set tsd.http.request.enable_chunked=true and tsd.http.request.max_chunk=16777216 ${RESTART}.`,
  },
  {
    key: 'tsd.storage.fix_duplicates',
    kind: 'warning',
    when: false,
    says: 'it cannot read rows with two forms of one instant. The restore writes each instant once; other writers must wait until it is done',
    remedy: `Keep other writers away; or set tsd.storage.fix_duplicates=true ${RESTART}.`,
  },
  {
    key: 'tsd.storage.enable_appends',
    kind: 'warning',
    when: true,
    says: 'it appends: what is sent again after an interruption takes room twice',
    remedy: `Set tsd.storage.enable_appends=false ${RESTART}, unless its tables were written with appends.`,
  },
  {
    key: 'tsd.storage.use_otsdb_timestamp',
    kind: 'warning',
    when: true,
    says: 'it dates cells by data time: of two values of an instant not the later but the larger one may win from then on',
    remedy: `Set tsd.storage.use_otsdb_timestamp=false ${RESTART}, unless it is meant.`,
  },
  {
    key: 'tsd.core.meta.enable_tsuid_incrementing',
    kind: 'warning',
    when: true,
    says: 'it counts points by series, and would count every one that is restored, some twice',
    remedy: `Set tsd.core.meta.enable_tsuid_incrementing=false for the time of the restore ${RESTART}.`,
  },
  {
    key: 'tsd.core.meta.enable_realtime_ts',
    kind: 'warning',
    when: true,
    says: 'it writes metadata for every new series, which slows the restore down',
    remedy: `Set tsd.core.meta.enable_realtime_ts=false for the time of the restore ${RESTART}; \`tsdb uid metasync\` makes them later.`,
  },
  {
    key: 'tsd.core.tree.enable_processing',
    kind: 'warning',
    when: true,
    says: 'it puts every new series into trees, which slows the restore down',
    remedy: `Set tsd.core.tree.enable_processing=false for the time of the restore ${RESTART}; \`tsdb uid treesync\` does it later.`,
  },
  {
    key: 'tsd.rtpublisher.enable',
    kind: 'warning',
    when: true,
    says: 'it publishes every point that it takes: whoever listens sees the past as if it were now, and may raise alerts',
    remedy: `Set tsd.rtpublisher.enable=false for the time of the restore ${RESTART}.`,
  },
  {
    key: 'tsd.search.enable',
    kind: 'warning',
    when: true,
    says: 'it tells a search plugin of every new series',
    remedy: `Set tsd.search.enable=false for the time of the restore ${RESTART}, and index afterwards.`,
  },
  {
    key: 'tsd.timeseriesfilter.enable',
    kind: 'warning',
    when: true,
    says: 'a filter plugin may drop points and still answer with success; the comparison after the restore would show them as missing',
    remedy: `Set tsd.timeseriesfilter.enable=false for the time of the restore ${RESTART}.`,
  },
  {
    key: 'tsd.uidfilter.enable',
    kind: 'warning',
    when: true,
    says: 'a filter plugin may refuse new names',
    remedy: `Set tsd.uidfilter.enable=false for the time of the restore ${RESTART}.`,
  },
];

const LEGAL = /[a-zA-Z0-9\-_./ªµºÀ-ÖØ-öø-ÿ]/;

/** What speaks against restoring into a target, faults first. */
export function judgeTarget(facts: TargetFacts, demands: RestoreDemands): TargetFinding[] {
  const { config } = facts;
  const findings: TargetFinding[] = [
    ...judgeContent(facts, demands),
    ...judgeProxy(facts),
    ...judgeVersion(facts),
  ];
  if (config === undefined) {
    findings.push({
      kind: 'warning',
      says: 'it does not show its configuration (/api/config), so it could not be checked',
      remedy: 'Name the TSD itself, not something in front of it.',
    });
  } else {
    findings.push(...judgeSettings(config, facts, demands));
  }
  return findings.toSorted((a, b) => Number(b.kind === 'fault') - Number(a.kind === 'fault'));
}

/** What is read ends with the moment that is restored: so what is logged again can't come back. */
function judgeProxy({ isProxied }: TargetFacts): TargetFinding[] {
  if (!isProxied) return [];
  return [
    {
      kind: 'warning',
      says: 'it is a tsdb-wal proxy: all that is restored is logged, archived and delivered to its standbys as received now',
      remedy: 'Name the OpenTSDB behind it, unless its log is to have what is restored.',
    },
  ];
}

function judgeVersion({ version }: TargetFacts): TargetFinding[] {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (match === null || (match[1] === '2' && Number(match[2]) >= 3)) return [];
  const remedy = 'Try with a copy first, and look at the comparison that follows the restore.';
  return [{ kind: 'warning', says: `it is version ${version}; this was tried with 2.4`, remedy }];
}

function judgeSettings(
  config: Readonly<Record<string, unknown>>,
  { unknownMetrics }: TargetFacts,
  { tags, characters }: RestoreDemands,
): TargetFinding[] {
  const findings: TargetFinding[] = [];
  const fault = (says: string, remedy: string): void => {
    findings.push({ kind: 'fault', says, remedy });
  };
  const text = (key: string): string => textOf(config[key]);
  const mode = tsdMode(config);
  if (mode === 'ro') {
    fault('it is read-only', `Set tsd.mode=rw ${RESTART}.`);
  }
  if (mode === 'wo') {
    fault('it answers no queries, so nothing can be checked', `Set tsd.mode=rw ${RESTART}.`);
  }
  if (!isTrue(text('tsd.core.auto_create_metrics')) && unknownMetrics.length > 0) {
    fault(
      `it makes no UIDs for new metrics, and has none for ${listNames(unknownMetrics)}`,
      `Set tsd.core.auto_create_metrics=true ${RESTART}; or assign them before: \`tsdb mkmetric NAME …\`.`,
    );
  }
  const tagsMax = Number(config['tsd.storage.max_tags'] ?? 8);
  if (tags > tagsMax) {
    fault(
      `it takes ${tagsMax} tags a series, and some have ${tags}`,
      `Set tsd.storage.max_tags=${tags} ${RESTART}.`,
    );
  }
  const special = text('tsd.core.tag.allow_specialchars');
  const illegal = [...new Set(characters)].filter(
    (one) => !LEGAL.test(one) && !special.includes(one),
  );
  if (illegal.length > 0) {
    fault(
      `it takes no names with ${illegal.map((one) => `"${one}"`).join(' ')}, which some have`,
      `Set tsd.core.tag.allow_specialchars=${propertyOf(special + illegal.join(''))} ${RESTART}, as the primary had it.`,
    );
  }
  for (const { key, kind, when, says, remedy } of RULES) {
    const isSet = config[key] !== undefined;
    if (isSet && isTrue(text(key)) === when)
      findings.push({ kind, says: `${says} (${key}=${text(key)})`, remedy });
  }
  return findings;
}

/** Characters as the value of a property: a space at its edge would not count, so one that is legal anyway stands there. */
function propertyOf(characters: string): string {
  const escaped = characters.replaceAll('\\', '\\\\');
  return escaped === escaped.trim() ? escaped : `.${escaped}.`;
}

/** As net.opentsdb.utils.Config.getBoolean takes it. */
function isTrue(text: string): boolean {
  return ['1', 'true', 'yes'].includes(text.toLowerCase());
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
