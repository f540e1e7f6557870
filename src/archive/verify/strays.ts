import type { ObjectStore } from '../../storage/object-store.ts';

const KNOWN =
  /^(?:repository\.json$|index\/|lanes\/[0-9a-f]{16}\/(?:begin\.json$|holes\/|retired\/|minute\/|hour\/|day\/))/;

/** Names that are no place of an object. What is below the places is not looked at. */
export async function* strayNames(store: ObjectStore): AsyncGenerator<string> {
  let after: string | undefined = '';
  while (after !== undefined) {
    let next: string | undefined;
    for await (const { name } of store.list('', after)) {
      const place = KNOWN.exec(name)?.[0];
      if (place !== undefined) {
        // `0` is the character after `/`, so that is after every name of the place.
        next = place.replace(/\/$/, '0');
        break;
      }
      yield name;
    }
    after = next;
  }
}
