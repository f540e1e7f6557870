/** The same numbers between 0 and 1 for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Shown with the test's result: seeds, rates, and what is recorded without being asserted. */
export function tell(text: string): void {
  process.stdout.write(`    ${text}\n`);
}
