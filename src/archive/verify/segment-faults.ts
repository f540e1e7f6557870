import type { Content, ContentFacts, Range } from '../format/segment-content.ts';
import type { Begin, Sidecar } from '../format/sidecar.ts';

/** What a whole sidecar says that can't be, by itself and by the begin of its lane. */
export function sidecarFaults(sidecar: Sidecar, begin: Begin | undefined): string[] {
  const { firstSeq, lastSeq, fromMs, records, points, refused, bypasses, instants, data } = sidecar;
  const faults: string[] = [];
  const all = lastSeq - firstSeq + 1;
  if (records !== all) faults.push(`it says ${records} records, its name ${all}`);
  if ((data?.rows ?? 0) < points + refused + bypasses) {
    faults.push(`it says ${data?.rows ?? 0} rows, and more of what they are`);
  }
  if ((instants === null) !== (points === 0)) {
    faults.push(`it says ${points} points, and ${instants === null ? 'no' : 'some'} times of them`);
  }
  if (begin === undefined) return faults;
  if (begin.ordinal !== sidecar.ordinal) {
    faults.push(`it says that its lane has number ${sidecar.ordinal}, not ${begin.ordinal}`);
  }
  if (firstSeq < begin.firstSeq) {
    faults.push(`its lane is to be here from record ${begin.firstSeq} on only`);
  }
  if (firstSeq === begin.firstSeq && fromMs !== begin.openedAt) {
    faults.push(`it begins at ${fromMs}, its lane at ${begin.openedAt}`);
  }
  return faults;
}

/** Where the rows of a segment are not as its sidecar says: a sentence for each difference. */
export function contentFaults(sidecar: Sidecar, content: Content): string[] {
  const { firstSeq, lastSeq, fromMs, toMs } = sidecar;
  const faults: string[] = [];
  const compare = (what: string, found: number, said: number): void => {
    if (found !== said) faults.push(`it has ${found} ${what}, its sidecar says ${said}`);
  };
  compare('rows', content.rows, sidecar.data?.rows ?? 0);
  compare('points', content.points, sidecar.points);
  compare('refusals', content.refused, sidecar.refused);
  compare('bypasses', content.bypasses, sidecar.bypasses);
  compare('forks', content.forks, sidecar.forks?.length ?? 0);
  if (content.foreign > 0) {
    faults.push(`${content.foreign} rows are of another lane, or lack what every row has`);
  }
  if (content.repeated > 0) faults.push(`${content.repeated} rows are there twice`);
  if (!isWithin(content.seqs, { from: firstSeq, to: lastSeq })) {
    faults.push(`it has records ${show(content.seqs)}, its name says ${firstSeq} to ${lastSeq}`);
  }
  if (!isWithin(content.receivedAt, { from: fromMs, to: toMs })) {
    faults.push(`it was received ${show(content.receivedAt)}, its name says ${fromMs} to ${toMs}`);
  }
  const { from, to } = sidecar.instants ?? {};
  if (content.instants?.from !== from || content.instants?.to !== to) {
    const said = show(sidecar.instants ?? undefined);
    faults.push(`its points are of times ${show(content.instants)}, its sidecar says ${said}`);
  }
  return faults;
}

/** Whether a merged segment has the same rows of these records as another one. */
export function isSameContent(a: ContentFacts, b: ContentFacts): boolean {
  return a.rows === b.rows && a.digest === b.digest;
}

/** What a merged segment should say otherwise, by those that it consists of. */
export function mergedFaults(merged: Sidecar, parts: readonly Sidecar[]): string[] {
  const faults: string[] = [];
  for (const field of ['records', 'points', 'refused', 'bypasses'] as const) {
    const sum = parts.reduce((total, part) => total + part[field], 0);
    if (merged[field] !== sum) {
      faults.push(`it says ${field} ${merged[field]}, those that it was merged of ${sum}`);
    }
  }
  const forks = parts.reduce((total, part) => total + (part.forks?.length ?? 0), 0);
  if ((merged.forks?.length ?? 0) !== forks) {
    faults.push(
      `it tells ${merged.forks?.length ?? 0} forks, those that it was merged of ${forks}`,
    );
  }
  const confirmed = parts.findLast((part) => part.confirmed !== null)?.confirmed ?? null;
  if (merged.confirmed !== confirmed) {
    faults.push(
      `it says ${merged.confirmed} is confirmed, those that it was merged of ${confirmed}`,
    );
  }
  return faults;
}

function isWithin(found: Range | undefined, said: Range): boolean {
  return found === undefined || (found.from >= said.from && found.to <= said.to);
}

function show(range: Range | undefined): string {
  return range === undefined ? 'none' : `${range.from} to ${range.to}`;
}
