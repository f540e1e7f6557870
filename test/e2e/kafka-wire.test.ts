import { beforeAll, expect, test } from 'vitest';
import { describeOnStack } from '../kit/real-stack.ts';
import type { Fault } from '../kit/tcp-proxy.ts';
import { expectAllThere, expectFine, KafkaScene } from './kit/kafka-scene.ts';

/** Kafka's requests begin with their length, 4 bytes, and their kind, 2. */
const PRODUCE = 0;
const FAULT_MS = 3_500;
/** After `--kafka-ack-timeout`, on a machine that runs HBase and Kafka on the same cores. */
const ANSWER_MS_MAX = 2_500;

const WAYS: readonly {
  readonly way: string;
  readonly fault: Fault;
  /** Whether answers stop to wait for Kafka. */
  readonly degrades: boolean;
}[] = [
  {
    way: 'cut after Kafka has taken what was sent',
    fault: { kind: 'cutAnswer', to: (request) => request.readInt16BE(4) === PRODUCE },
    degrades: true,
  },
  { way: 'a black hole', fault: { kind: 'blackhole' }, degrades: true },
  { way: 'refused', fault: { kind: 'refuse' }, degrades: true },
  { way: 'half open', fault: { kind: 'halfOpen' }, degrades: true },
  {
    way: 'slow by 200 ms each way',
    fault: { kind: 'delay', requestMs: 200, answerMs: 200 },
    degrades: false,
  },
];

describeOnStack('while the way to Kafka is', (stack) => {
  let scene: KafkaScene;

  beforeAll(async () => {
    scene = await KafkaScene.start(await stack(), 'wire');
    return () => scene[Symbol.asyncDispose]();
  });

  test.each(WAYS)('$way, collectors see no error, and all is there soon', async (one) => {
    const { wire } = scene.parts;
    const begin = async () => {
      await wire.set(one.fault);
      return () => wire.set({ kind: 'pass' });
    };
    const suffered = await scene.suffer(one.way, begin, FAULT_MS);
    expect(suffered.state === 'live').toBe(!one.degrades);
    expectFine(scene, suffered, ANSWER_MS_MAX);
  });

  test('any of these, topic, reader and archive have what was acknowledged, once and in order', async () => {
    expect(scene.parts.wire.traffic.cuts).toBeGreaterThan(3);
    await expectAllThere(scene);
  });
});
