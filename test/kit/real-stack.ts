import { describe, inject } from 'vitest';
import { type StackPlace, Stack } from '../../scripts/stack/stack.ts';

/** What the set-up of the end-to-end tests offers them: HBase that runs, or why there is none. */
type StackOffer =
  | { readonly kind: 'running'; readonly place: StackPlace }
  | { readonly kind: 'missing'; readonly reason: string };

declare module 'vitest' {
  interface ProvidedContext {
    readonly stack: StackOffer;
  }
}

/**
 * Tests that need a real OpenTSDB. Where it cannot run they are skipped, and their names say why. `stack` may be called
 * only inside hooks and tests.
 */
export function describeOnStack(name: string, body: (stack: () => Promise<Stack>) => void): void {
  const offer = inject('stack');
  const why = offer.kind === 'missing' ? ` (skipped: ${offer.reason})` : '';
  describe.skipIf(offer.kind === 'missing')(`${name}${why}`, () => {
    body(async () => {
      if (offer.kind === 'missing') throw new Error(offer.reason);
      return Stack.at(offer.place);
    });
  });
}
