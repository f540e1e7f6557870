import { setTimeout as sleep } from 'node:timers/promises';
import type { Narrator } from './narrator.ts';
import type { DemoProxy, ProxyStatus } from './proxy.ts';

const ONLY = 'the proxy';
const LIMITS = { pollMs: 100, repeatMs: 3_000, repeatOfManyMs: 6_000 } as const;

/** Tells what /status of the proxy shows: each change of its state, and how far OpenTSDB is behind while it is. */
export async function watch(
  proxy: DemoProxy,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<void> {
  let shown = '';
  let shownMs = 0;
  const isOnly = proxy.name === ONLY;
  const repeatMs = isOnly ? LIMITS.repeatMs : LIMITS.repeatOfManyMs;
  while (!signal.aborted) {
    const status = await proxy.status();
    const state = status === undefined ? 'gone' : describeState(status);
    const isOld = state !== 'live' && narrator.elapsedMs - shownMs > repeatMs;
    if (status !== undefined && (state !== shown || isOld)) {
      const words = state === shown ? 'still degraded' : state;
      narrator.say(
        proxy.name === ONLY ? 'status' : proxy.name,
        state === 'live' ? state : `${words}; ${describeLag(status)}`,
      );
      shownMs = narrator.elapsedMs;
    }
    shown = state;
    await sleep(LIMITS.pollMs, undefined, { signal }).catch(() => undefined);
  }
}

function describeState({ primary, kafka }: ProxyStatus): string {
  const shown = [
    ['OpenTSDB', primary.state],
    ['Kafka', kafka?.state],
  ] as const;
  const away = shown.flatMap(([who, state]) =>
    state !== undefined && 'reason' in state ? [`${who} is ${state.kind}: ${state.reason}`] : [],
  );
  return away.length === 0 ? 'live' : `degraded: ${away.join('; ')}`;
}

/** Of who is behind: with both, of OpenTSDB. */
function describeLag({ primary, kafka }: ProxyStatus): string {
  const isKafkas = primary.state.kind === 'live' && kafka !== undefined;
  const { lagSeconds, lagBytes } = isKafkas ? kafka : primary;
  return `behind by ${lagSeconds.toFixed(1)} s, ${Math.round(lagBytes / 1_024)} KiB`;
}

/** Resolves once OpenTSDB surely stores all that the log holds now. */
export async function allConfirmed(
  proxy: DemoProxy,
  { msMax, signal }: { readonly msMax: number; readonly signal: AbortSignal },
): Promise<void> {
  const end = (await proxy.status())?.log.durable;
  if (end === undefined) throw new Error('the proxy does not answer /status');
  const [lane = '', seq] = end.split('/');
  const deadline = Date.now() + msMax;
  for (;;) {
    const confirmed = (await proxy.status())?.primary.confirmed?.split('/');
    if (confirmed?.[0] === lane && Number(confirmed[1]) >= Number(seq)) return;
    if (Date.now() > deadline) {
      throw new Error(
        `not confirmed within ${msMax / 1_000} s: the log ends at ${end}, ` +
          `OpenTSDB has confirmed ${confirmed?.join('/') ?? 'nothing'}`,
      );
    }
    await sleep(LIMITS.pollMs, undefined, { signal });
  }
}
