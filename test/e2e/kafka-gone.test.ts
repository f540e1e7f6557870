import { beforeAll, expect, test } from 'vitest';
import { describeOnStack } from '../kit/real-stack.ts';
import { expectAllThere, KafkaScene, type Suffered } from './kit/kafka-scene.ts';

const STOPPED_MS = Number(process.env['KAFKA_STOPPED_S'] ?? 20) * 1_000;
const SOON_MS = 6_000;
/** After `--kafka-ack-timeout`, on a machine that starts a broker on the same cores. */
const ANSWER_MS_MAX = 3_500;
const GROWTH_MIB_MAX = 80;

describeOnStack('while Kafka is', (stack) => {
  let scene: KafkaScene;

  beforeAll(async () => {
    scene = await KafkaScene.start(await stack(), 'gone');
    return () => scene[Symbol.asyncDispose]();
  });

  test('killed, collectors see no error, and all is there soon', async () => {
    const { broker } = scene.parts;
    const begin = async () => {
      await broker.kill9();
      return () => broker.start();
    };
    expectFine(await scene.suffer('killed', begin, 0));
  });

  test(
    'stopped for long, collectors see no error, and all is there soon',
    { timeout: 120_000 + STOPPED_MS },
    async () => {
      const { broker } = scene.parts;
      const begin = async () => {
        await broker.stop();
        return () => broker.start();
      };
      const suffered = await scene.suffer('stopped', begin, STOPPED_MS);
      expect(suffered.state.kind).toBe('down');
      expectFine(suffered);
    },
  );

  test('gone in any of these ways, topic, reader and archive have what was acknowledged, once and in order', async () => {
    await expectAllThere(scene);
  });

  function expectFine({ answerMs, recoveryMs, readerMs, growthMiB }: Suffered): void {
    expect(scene.parts.ledger.errors).toEqual(new Map());
    expect(answerMs).toBeLessThan(ANSWER_MS_MAX);
    expect(recoveryMs).toBeLessThan(SOON_MS);
    expect(readerMs).toBeLessThan(SOON_MS);
    expect(growthMiB).toBeLessThan(GROWTH_MIB_MAX);
  }
});
