import { type Former, FormerNote } from '../runtime/former-note.ts';
import { readTopicName, type TopicPlace } from './topic-place.ts';

/** The topic that the log of a data directory went to before a start named another, or none. */
export interface FormerTopic extends Former {
  readonly topic: string;
}

export type MetTopic =
  /** It is the one that the log went to before, as far as that is known. */
  | { readonly kind: 'same' }
  /** It is another one. */
  | { readonly kind: 'other'; readonly former: FormerTopic }
  /** The log went to it before it went to another one. */
  | { readonly kind: 'back' };

/** DATA/topic-before.json. */
export function formerTopic(data: string): FormerNote<FormerTopic> {
  return new FormerNote(data, 'topic-before.json', 'topic');
}

/**
 * Compares the topic of a start with what the data directory knows, and has it remembered. Call it before anything is sent.
 * `place`: that of the topic which is named.
 *
 * What is known of the place in another topic is forgotten, durably: it would stand beside a cursor that belongs to this one. So a topic that is
 * named again gets the log from its oldest record.
 */
export async function meetTopic(data: string, place: TopicPlace, now: number): Promise<MetTopic> {
  const { topic, placeOf = topic } = place;
  const note = formerTopic(data);
  const noted = await note.read();
  const former = noted ?? { topic: placeOf, until: now };
  const isOther = former.topic !== topic;
  // The note of the former goes before its place, and that of this one after the other's place: a crash in between would hide who is meant.
  if (isOther && noted === undefined) await note.write(former);
  if (placeOf !== topic) await place.forget();
  if (isOther) return { kind: 'other', former };
  if (noted === undefined) return { kind: 'same' };
  await note.remove();
  return { kind: 'back' };
}

/** What a start with this topic finds to be another one than before; changes nothing. `topic`: undefined where there is no Kafka. */
export async function lookFormerTopic(
  data: string,
  topic: string | undefined,
): Promise<FormerTopic | undefined> {
  const noted = await formerTopic(data).read();
  const placed = await readTopicName(data);
  const former = noted ?? (placed === undefined ? undefined : { topic: placed, until: undefined });
  return former?.topic === topic ? undefined : former;
}
