import { parseArgs } from 'node:util';
import { loadCases } from '../test/e2e/conformance/cases.ts';
import { runConformance } from '../test/e2e/conformance/runner.ts';

const USAGE = `usage: npm run conformance -- --base HOST:PORT [--query-base HOST:PORT] [--have A,B,...] [--full] [--only TEXT]
Sends what OpenTSDB 2.4.1 was recorded to answer, and compares. --query-base: read what was stored from there.
--have: what the server has, of norollup, chunked, nodelete, unsafe-delete; with --full (the cases of a server
with rollups, histograms, CORS and no chunking): jaxb, rollup, histogram, nochunk, cors.
`;

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    'query-base': { type: 'string' },
    have: { type: 'string', default: 'norollup,chunked,nodelete' },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
if (values.base === undefined) {
  process.stderr.write(USAGE);
  process.exit(2);
}
const outcomes = await runConformance({
  base: values.base,
  queryBase: values['query-base'] ?? values.base,
  have: values.have.split(','),
  cases: loadCases(values.full ? 'cases-full.jsonl' : 'cases.jsonl').filter(({ id }) =>
    id.includes(values.only),
  ),
});
const counts = { passed: 0, failed: 0, excepted: 0, skipped: 0 };
for (const [id, outcome] of outcomes) {
  counts[outcome.kind] += 1;
  if (outcome.kind === 'failed') process.stdout.write(`failed ${id}: ${outcome.difference}\n`);
  if (outcome.kind === 'skipped')
    process.stdout.write(`skipped ${id}: needs ${outcome.lacks.join()}\n`);
}
process.stdout.write(
  `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
);
process.exitCode = counts.failed > 0 ? 1 : 0;
