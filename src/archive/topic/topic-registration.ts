import type { TopicFrame } from '../../record/topic-read.ts';
import type { Persistence } from '../persistence.ts';
import { formatBeginName } from '../format/object-names.ts';
import { assertInPlace, type Repository } from '../repository.ts';
import { type Begin, formatBegin } from '../format/sidecar.ts';
import { openingOf, type TopicOpening } from './topic-opening.ts';
import type { TopicMember } from './topic-member.ts';

export interface TopicRegistrationOptions {
  readonly repository: Repository;
  readonly source: TopicMember;
  readonly persistence: Persistence;
}

/**
 * Registers lanes that are met in a topic and that the repository doesn't know, as of proxies that archive nothing themselves.
 *
 * A lane that the repository or the topic has is named as `previous`, and registered before the one after it. One that neither has is
 * from before the history: should the repository know an earlier lane of that proxy all the same, that one has no end then, and
 * holds the safe time back until someone looks.
 */
export class TopicRegistration {
  readonly #options: TopicRegistrationOptions;

  constructor(options: TopicRegistrationOptions) {
    this.#options = options;
  }

  /** `frame`: the first of the lane that is in the topic. Safe to repeat, and against others who do the same. */
  async register(frame: TopicFrame, signal: AbortSignal): Promise<void> {
    const { topic } = this.#options.source;
    const opening = openingOf(frame, topic);
    const chain = [opening];
    for (const opened of await this.#lanesBefore(opening, signal)) chain.push(opened);
    for (const [index, { begin, previous }] of [...chain.entries()].toReversed()) {
      const isLast = index === chain.length - 1;
      const isKnown = previous !== null && (!isLast || (await this.#isRegistered(previous.lane)));
      await this.#create({ ...begin, previous: isKnown ? previous : null });
    }
  }

  /** Those of the topic that the repository doesn't know, the latest first. */
  async #lanesBefore({ previous }: TopicOpening, signal: AbortSignal): Promise<TopicOpening[]> {
    const lanes: TopicOpening[] = [];
    let surveyed: ReadonlyMap<string, TopicOpening> | undefined;
    for (let before = previous; before !== null;) {
      if (await this.#isRegistered(before.lane)) break;
      surveyed ??= await this.#survey(signal);
      const opening = surveyed.get(before.lane);
      if (opening === undefined) break;
      lanes.push(opening);
      before = opening.previous;
    }
    return lanes;
  }

  async #survey(signal: AbortSignal): Promise<Map<string, TopicOpening>> {
    const { source } = this.#options;
    const openings = new Map<string, TopicOpening>();
    for await (const frame of source.survey(signal)) {
      const known = openings.get(frame.lane);
      if (known !== undefined && known.begin.firstSeq <= frame.firstSeq) continue;
      openings.set(frame.lane, openingOf(frame, source.topic));
    }
    return openings;
  }

  async #isRegistered(lane: string): Promise<boolean> {
    const { repository, persistence } = this.#options;
    const name = formatBeginName(lane);
    return (await persistence.timely(repository.store.read(name))) !== undefined;
  }

  async #create(begin: Begin): Promise<void> {
    const { repository, persistence } = this.#options;
    await assertInPlace(repository);
    const content = Buffer.from(formatBegin(begin));
    await persistence.timely(repository.store.create(formatBeginName(begin.lane), content));
  }
}
