/** The known name that `given` was most likely meant to be; undefined when none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, distance: distanceBetween(given, name) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(2, given.length / 4)
    ? best.name
    : undefined;
}

/** The same last word is near in any group: who writes `bytesMax` at the top meant `wal.bytesMax`. */
function distanceBetween(given: string, name: string): number {
  const whole = editDistance(bare(given), bare(name));
  return lastWord(given) === lastWord(name) ? Math.min(whole, 1) : whole;
}

function lastWord(name: string): string {
  return bare(name.slice(name.lastIndexOf('.') + 1));
}

function bare(name: string): string {
  return name.toLowerCase().replaceAll(/[._-]/g, '');
}

/** Insertions, deletions and replacements that make `a` of `b`. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
