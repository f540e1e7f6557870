const NAMES = ['SIGTERM', 'SIGINT'] as const;

export interface StopSignal extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Aborts when this process is told to end, and calls `onTold` before; told once more by the same signal, the process ends at once.
 * Until it is disposed of.
 */
export function listenForStop(onTold?: (name: NodeJS.Signals) => void): StopSignal {
  const stop = new AbortController();
  const listener = (name: NodeJS.Signals): void => {
    onTold?.(name);
    stop.abort();
  };
  for (const name of NAMES) process.once(name, listener);
  return {
    signal: stop.signal,
    [Symbol.dispose]: () => {
      for (const name of NAMES) process.off(name, listener);
    },
  };
}
