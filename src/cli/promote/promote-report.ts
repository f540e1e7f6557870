import type { PromoteEvent } from '../../promote/promote-event.ts';

/** docs/JSON.md is the contract. */
const CONTRACT = { contract: 'tsdb-wal promote', version: 1 } as const;

/** For programs, a line. */
export function promoteEventAsJson(event: PromoteEvent): string {
  return JSON.stringify({ ...CONTRACT, ...event });
}

/** For people, a line or more. */
export function describePromoteEvent(event: PromoteEvent): string {
  switch (event.event) {
    case 'checked':
      return checkedLines(event).join('\n');
    case 'held':
      return `${event.proxy}  held: nothing goes to ${event.primary} any more${storedTo(event)}`;
    case 'undoing':
      return `${event.records} records of ${event.lanes} lanes, received after ${event.asOf}, are undone: the log keeps them, and says so (fork ${event.fork})`;
    case 'draining':
      return drainingLine(event);
    case 'drained':
      return drainedLine(event);
    case 'switched':
      return `${event.proxy}  switched, after ${event.heldSeconds.toFixed(1)} s`;
    case 'released':
      return `${event.proxy}  released: it feeds the old primary again`;
    case 'live':
      return `${event.proxy}  up to date: answers wait for the new primary`;
    case 'trouble':
      return event.reason;
    case 'done':
      return doneLines(event).join('\n');
  }
}

function storedTo({ storedTo: time }: Held): string {
  return time === null ? '' : `; it surely stores what was received by ${time}`;
}

function doneLines({ target, standby, before }: Done): string[] {
  const { primaries, storedTo: time, undone } = before;
  const old = primaries.join(' and ');
  const done = `${target} is the primary. Name it in the configuration of each proxy, and stop the standby at ${standby}: it follows no more.`;
  if (old === '') return [done];
  if (undone)
    return [done, `${old} has what was undone: it needs empty tables to become a standby.`];
  const back =
    time === null
      ? `To make a standby of ${old}: docs/PROMOTE.md, Failing back.`
      : `To make a standby of ${old}, with what it has: --begin ${time} (docs/PROMOTE.md, Failing back).`;
  return [done, back];
}

function drainingLine({ sent, records, lanes }: Draining): string {
  if (sent) {
    return 'standby  drains: its target has answered for all of it, and is watched until that is surely stored (delivery.healWindow of the standby, 10 s by default)';
  }
  return records === 0
    ? 'standby  drains: it contains all that these proxies had; it waits for what others may have received by then, and until its target has answered for that'
    : `standby  drains: ${records} records of ${lanes} lanes to go`;
}

function drainedLine({ proxy, lane, held, contains, fromLog, asOf }: Drained): string {
  const rest = fromLog === 0 ? '' : `; ${fromLog} records come from its log`;
  if (asOf !== null) {
    return `${proxy}  had ${lane}/${held} by ${asOf}; the new primary contains up to ${contains}${rest}`;
  }
  return `${proxy}  sent up to ${lane}/${held}; the new primary contains up to ${contains}${rest}`;
}

type Held = Extract<PromoteEvent, { event: 'held' }>;
type Done = Extract<PromoteEvent, { event: 'done' }>;
type Draining = Extract<PromoteEvent, { event: 'draining' }>;
type Drained = Extract<PromoteEvent, { event: 'drained' }>;
type Checked = Extract<PromoteEvent, { event: 'checked' }>;

/** Problems are told as the error that they are. */
function checkedLines({ asOf, standby, proxies, warnings }: Checked): string[] {
  const { address, promotion, lagSeconds, lagRecords } = standby;
  const lag = `${lagRecords} records, ${lagSeconds.toFixed(1)} s behind`;
  return [
    `standby ${address} feeds ${standby.target}: ${promotion === 'promoted' ? 'it has stopped already' : lag}`,
    ...proxies.map((proxy) => {
      const is = proxy.switched ? 'switched already' : `feeds ${proxy.primary}`;
      const later = asOf === null || proxy.switched ? '' : `, ${proxy.later} records since ${asOf}`;
      return `proxy ${proxy.address}: ${is}${proxy.held ? ', held' : ''}${later}`;
    }),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}
