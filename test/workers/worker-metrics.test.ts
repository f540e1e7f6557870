import { expect, test } from 'vitest';
import { mergeMetrics } from '../../src/workers/worker-metrics.ts';

const HEAD = '# HELP a_total What.\n# TYPE a_total counter\n';

test('metrics of workers are samples of one name together, each with its worker', () => {
  const texts = new Map([
    [1, `${HEAD}a_total 3\n\n# HELP b B.\n# TYPE b gauge\nb{c="d, {e}"} 1\nb{} 2\n`],
    [2, `${HEAD}a_total 4\n`],
  ]);
  expect(mergeMetrics(texts)).toBe(
    `${HEAD}a_total{worker="1"} 3\na_total{worker="2"} 4\n\n` +
      '# HELP b B.\n# TYPE b gauge\nb{worker="1",c="d, {e}"} 1\nb{worker="1"} 2\n',
  );
});

test('a histogram stays one family', () => {
  const text =
    '# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n';
  expect(mergeMetrics(new Map([[7, text]]))).toBe(
    '# HELP h H.\n# TYPE h histogram\nh_bucket{worker="7",le="1"} 1\nh_bucket{worker="7",le="+Inf"} 2\nh_sum{worker="7"} 3\nh_count{worker="7"} 2\n',
  );
});
