/** Whether a log takes data, and why not: the disk's reason goes before the caller's. */
export class Intake {
  readonly #told: (refusal: string | undefined) => void;
  #trouble: string | undefined = 'the log is not open yet';
  #barred: string | undefined;
  #refusal = this.#trouble;

  /** `told`: called once a change of what holds. */
  constructor(told: (refusal: string | undefined) => void) {
    this.#told = told;
  }

  /** The reason that holds; undefined while data is taken. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Whether the caller has a reason of its own. */
  get isBarred(): boolean {
    return this.#barred !== undefined;
  }

  /** The log's own reason, as the disk is; undefined: none. */
  refuse(reason: string | undefined): void {
    this.#trouble = reason;
    this.#tell();
  }

  /** The caller's reason; undefined: none. */
  bar(reason: string | undefined): void {
    this.#barred = reason;
    this.#tell();
  }

  #tell(): void {
    const reason = this.#trouble ?? this.#barred;
    if (reason === this.#refusal) return;
    this.#refusal = reason;
    this.#told(reason);
  }
}
