import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readChecked, writeChecked } from '../runtime/checked-json.ts';
import { syncFolder } from '../runtime/durable-file.ts';
import { readTopicName, type TopicPlace } from './topic-place.ts';

/** The topic that the log of a data directory went to before a start named another, or none. */
export interface FormerTopic {
  readonly topic: string;
  /** When another one was named, epoch ms; undefined when none was. */
  readonly until: number | undefined;
}

/**
 * Written when a start names another topic than before. It stays until that one is named again, or somebody removes it, since the other one is
 * meant. Of several it is the first.
 */
export const TOPIC_BEFORE = 'topic-before.json';

export type MetTopic =
  /** It is the one that the log went to before, as far as that is known. */
  | { readonly kind: 'same' }
  | { readonly kind: 'other'; readonly former: FormerTopic }
  /** The log went to it before it went to another one. */
  | { readonly kind: 'back' };

/**
 * Compares the topic of a start with what the data directory knows, and has it remembered. Call it before anything is sent.
 * `place`: that of the topic which is named.
 */
export async function meetTopic(data: string, place: TopicPlace, now: number): Promise<MetTopic> {
  const { topic, placeOf = topic } = place;
  const noted = await readNoted(data);
  if (noted?.topic === topic) {
    // The other one's place goes before the note of this one: it would be the former, after a crash in between.
    if (placeOf !== topic) await place.forget();
    await rm(join(data, TOPIC_BEFORE), { force: true });
    await syncFolder(data);
    return { kind: 'back' };
  }
  if (noted !== undefined) return { kind: 'other', former: noted };
  if (placeOf === topic) return { kind: 'same' };
  const former = { topic: placeOf, until: now };
  await writeChecked(join(data, TOPIC_BEFORE), former);
  return { kind: 'other', former };
}

/** What is told of a proxy that runs. `topic`: the one that is named; undefined when there is no Kafka. */
export async function readFormerTopic(
  data: string,
  topic: string | undefined,
): Promise<FormerTopic | undefined> {
  const noted = await readNoted(data);
  return noted ?? (topic === undefined ? readPlaced(data) : undefined);
}

/** What a start with this topic would find to be another one than before; changes nothing. */
export async function lookFormerTopic(
  data: string,
  topic: string | undefined,
): Promise<FormerTopic | undefined> {
  const former = (await readNoted(data)) ?? (await readPlaced(data));
  return former?.topic === topic ? undefined : former;
}

async function readPlaced(data: string): Promise<FormerTopic | undefined> {
  const topic = await readTopicName(data);
  return topic === undefined ? undefined : { topic, until: undefined };
}

/** Undefined when there is none, or it can't be read. */
async function readNoted(data: string): Promise<FormerTopic | undefined> {
  const read = await readChecked(join(data, TOPIC_BEFORE)).catch(() => 'damaged');
  return typeof read === 'string' ? undefined : (read as unknown as FormerTopic);
}
