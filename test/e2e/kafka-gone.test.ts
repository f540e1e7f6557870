import { beforeAll, expect, test } from 'vitest';
import { describeOnStack } from '../kit/real-stack.ts';
import { expectAllThere, expectFine, KafkaScene } from './kit/kafka-scene.ts';

const STOPPED_MS = Number(process.env['KAFKA_STOPPED_S'] ?? 20) * 1_000;
/** After `--kafka-ack-timeout`, on a machine that starts a broker on the same cores. */
const ANSWER_MS_MAX = 3_500;

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
    expectFine(scene, await scene.suffer('killed', begin, 0), ANSWER_MS_MAX);
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
      expect(suffered.state).toBe('down');
      expectFine(scene, suffered, ANSWER_MS_MAX);
    },
  );

  test('gone in any of these ways, topic, reader and archive have what was acknowledged, once and in order', async () => {
    await expectAllThere(scene);
  });
});
