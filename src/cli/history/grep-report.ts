import { formatRecords } from '../../archive/holdings/coverage.ts';
import type { FoundWrite, SearchEvent, UndoneWrite } from '../../archive/search/search.ts';
import type { Sources } from '../../archive/tail/sources.ts';
import { type TimeSpan, touches, type WriteFilter } from '../../archive/search/write-filter.ts';
import { formatInstant } from '../../runtime/instant.ts';
import { EVER } from './grep-filter.ts';

/** What a search prints: the writes on `out`; whatever makes them less than complete beside them. */
export interface GrepReport {
  readonly out: string;
  readonly err: string;
}

/** That nothing was found: what was looked for, and where; `held`: what is there at all. */
export function tellNothing(
  filter: WriteFilter,
  { repository, data, topic }: Sources,
  held: Extract<SearchEvent, { kind: 'end' }>['held'],
): string {
  const places = [
    ...(repository === undefined ? [] : [`repository ${repository.place}`]),
    ...(data === undefined ? [] : [`the log of ${data}`]),
    ...(topic === undefined ? [] : [`the topic ${topic.topic}`]),
  ].join(' and ');
  const has =
    held === undefined
      ? 'nothing is there yet'
      : `there is what was received from ${formatInstant(held.fromMs)} to ${formatInstant(held.toMs)}`;
  const { received } = filter;
  const isOutside =
    held !== undefined && !touches(received, { from: held.fromMs, to: held.toMs })
      ? 'note: nothing of that is of the time asked for: --from and --to are when the proxy received it, --instant-from and --instant-to the times of the points themselves\n'
      : '';
  return `note: no write fits (${formatFilter(filter)}); searched ${places}: ${has}\n${isOutside}`;
}

function formatFilter({ metric, tags, received, instants, source, value }: WriteFilter): string {
  const parts = [
    ...(metric === undefined ? [] : [`metric ${metric}`]),
    ...(tags ?? []).map(([key, wanted]) => `tag ${key}=${wanted}`),
    ...formatSpan('received', received),
    ...(instants === undefined ? [] : formatSpan('of', instants)),
    ...(source === undefined ? [] : [`source ${source}`]),
    ...(value === undefined ? [] : [`value ${value}`]),
  ];
  return parts.length === 0 ? 'any' : parts.join(', ');
}

function formatSpan(what: string, { from, to }: TimeSpan): string[] {
  const since = from === EVER.from ? [] : [`at ${formatInstant(from)} or later`];
  const until = to === EVER.to ? [] : [`before ${formatInstant(to)}`];
  const both = [...since, ...until].join(' and ');
  return both === '' ? [] : [`${what} ${both}`];
}

/** What `log grep --json` prints first; docs/JSON.md is the contract. `at`: epoch ms. */
export function jsonHead(sources: Sources, at: number): string {
  const { repository, data, topic } = sources;
  const head = { contract: 'tsdb-wal log grep', version: 1, at: formatInstant(at) };
  const of = {
    repository: repository ?? null,
    data: data ?? null,
    topic: topic === undefined ? null : { name: topic.topic, brokers: topic.brokers },
  };
  return `${JSON.stringify({ kind: 'search', ...head, ...of })}\n`;
}

export function formatJson(event: SearchEvent): GrepReport {
  const lines = event.kind === 'writes' ? event.writes.map(jsonWrite) : [jsonOther(event)];
  return { out: lines.map((line) => `${JSON.stringify(line)}\n`).join(''), err: '' };
}

export function formatText(event: SearchEvent): GrepReport {
  return event.kind === 'writes'
    ? { out: event.writes.map(textWrite).join(''), err: '' }
    : { out: '', err: textOther(event) };
}

function jsonWrite(write: FoundWrite): object {
  const { receivedAt, instantMs, undone, ...rest } = write;
  return {
    kind: 'write',
    receivedAt: formatInstant(receivedAt),
    ...rest,
    undone: undone && jsonFork(undone),
    instant: formatInstant(instantMs),
  };
}

function jsonFork({ id, at, receivedAt }: UndoneWrite): object {
  return { id, at: formatInstant(at), since: formatInstant(receivedAt) };
}

function jsonOther(event: Exclude<SearchEvent, { kind: 'writes' }>): object {
  switch (event.kind) {
    case 'hole': {
      const { fromMs, toMs, ...hole } = event.hole;
      const to = toMs === undefined ? null : formatInstant(toMs);
      return { kind: 'hole', ...hole, from: formatInstant(fromMs), to };
    }
    case 'behind': {
      const { safeTimeMs } = event;
      const safeTime = safeTimeMs === undefined ? null : formatInstant(safeTimeMs);
      return { kind: 'behind', safeTime };
    }
    case 'fork':
      return { kind: 'fork', ...jsonFork(event.fork), undone: event.fork.undone };
    case 'bypass':
      return { ...event, receivedAt: formatInstant(event.receivedAt) };
    case 'damage':
      return event;
    case 'end': {
      const { held, ...end } = event;
      const from = held === undefined ? null : formatInstant(held.fromMs);
      const to = held === undefined ? null : formatInstant(held.toMs);
      return { ...end, from, to };
    }
  }
}

function textWrite(write: FoundWrite): string {
  const { receivedAt, transport, source, line, lane, seq, refusal, undone } = write;
  const refused = refusal === null ? '' : ` REFUSED: ${refusal}`;
  const gone = undone === null ? '' : ` UNDONE at ${formatInstant(undone.receivedAt)}`;
  return `${formatInstant(receivedAt)} ${transport} ${source} ${line} @${lane}/${seq}${refused}${gone}\n`;
}

function textOther(event: Exclude<SearchEvent, { kind: 'writes' }>): string {
  switch (event.kind) {
    case 'hole': {
      const { fromMs, toMs, reason } = event.hole;
      const to = toMs === undefined ? 'on' : `to ${formatInstant(toMs)}`;
      return `warning: records ${formatRecords(event.hole)}, received from ${formatInstant(fromMs)} ${to}, are missing: ${reason}\n`;
    }
    case 'behind': {
      const { safeTimeMs } = event;
      return safeTimeMs === undefined
        ? 'note: nothing is there yet\n'
        : `note: complete for what was received up to ${formatInstant(safeTimeMs)}; of what came later not all is there yet\n`;
    }
    case 'fork': {
      const { receivedAt, at } = event.fork;
      return `note: at ${formatInstant(receivedAt)} the log went on from ${formatInstant(at)}: what was undone by that is marked\n`;
    }
    case 'bypass':
      return `warning: at ${formatInstant(event.receivedAt)} a change went round the log: ${event.method} ${event.path}, from ${event.source}\n`;
    case 'damage':
      return `warning: done without what is damaged: ${event.reason}${event.held ? '; its records are read from elsewhere' : ''}\n`;
    case 'end':
      return event.isLimited ? `note: stopped after ${event.writes} writes, by --limit\n` : '';
  }
}
