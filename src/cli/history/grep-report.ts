import { formatRecords } from '../../archive/holdings/coverage.ts';
import type { FoundWrite, SearchEvent, UndoneWrite } from '../../archive/search/search.ts';
import type { Sources } from '../../archive/tail/sources.ts';
import { formatInstant } from '../../runtime/instant.ts';

/** What a search prints: the writes on `out`; whatever makes them less than complete beside them. */
export interface GrepReport {
  readonly out: string;
  readonly err: string;
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
    case 'end':
      return event;
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
