/** An object as a listing shows it. */
export interface ObjectInfo {
  readonly name: string;
}

/** What is right below a prefix. */
export interface ChildInfo extends ObjectInfo {
  /** What comes after `name/` is deeper: there may be nothing. */
  readonly isFolder: boolean;
}

/**
 * Immutable objects by name, as `a/b/c.json`: segments of letters, digits, `-`, `_` and `.` that do not start
 * with a dot. Nothing is ever overwritten. Every implementation passes test/contract/object-store.ts.
 */
export interface ObjectStore {
  /**
   * Durable when it resolves: all of the content, or nothing readable under that name. `exists`: the name is
   * taken, and stays as it was. A rejected call may or may not have created the object; call it again to know.
   */
  create(name: string, content: Uint8Array): Promise<'created' | 'exists'>;

  /** The same for a local file's content, in bounded memory. */
  createFromFile(name: string, path: string): Promise<'created' | 'exists'>;

  /** The whole content; undefined when there is none. */
  read(name: string): Promise<Buffer | undefined>;

  /** A local file with the object's content, not to be changed; undefined when there is none. */
  localPath(name: string): Promise<string | undefined>;

  /**
   * The objects whose names begin with `prefix/` (all with an empty prefix), in the byte order of names, page by
   * page; with `after`, only names that sort after it. Objects created or removed meanwhile may be in it or not.
   */
  list(prefix: string, after?: string): AsyncIterable<ObjectInfo>;

  /**
   * The objects right below `prefix/`, and the folders that others are in, each once, in byte order. What is created or removed meanwhile may be
   * among it or not.
   */
  children(prefix: string): AsyncIterable<ChildInfo>;

  /** Durable when it resolves. An absent object is fine. */
  remove(name: string): Promise<void>;
}
