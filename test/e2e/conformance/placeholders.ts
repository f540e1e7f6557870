const NOW = /\$\{(NOW|NOWMS)([+-]\d+)?\}/g;
const SECONDS_PER_HOUR = 3_600;

/** Fills in what differs from run to run: a prefix of the metrics' names, and a time. */
export class Placeholders {
  readonly prefix: string;
  readonly #now: number;

  constructor() {
    this.prefix = `spec.c${Math.random().toString(36).slice(2, 10)}`;
    // Within the current hour's row, or late in the hour the next one's: OpenTSDB compacts the rows whose hour has
    // ended, and that races with the rewriting of a point.
    const seconds = Math.floor(Date.now() / 1000);
    const intoHour = seconds % SECONDS_PER_HOUR;
    const row = seconds - intoHour + (intoHour > 3_300 ? SECONDS_PER_HOUR : 0);
    const now = row + 600 + Math.floor(Math.random() * 1_800);
    // OpenTSDB takes an annotation's seconds for milliseconds when they end in 000: it is stored in 1970, and not found
    // by a range. The cases' annotations are at NOW+11 to NOW+22.
    this.#now = now % 1_000 > 900 ? now + 100 : now;
  }

  fill(text: string): string {
    return text
      .replace(NOW, (_, unit: string, offset = '0') =>
        String(this.#now * (unit === 'NOWMS' ? 1000 : 1) + Number(offset)),
      )
      .replaceAll('${P}', this.prefix);
  }

  pattern(text: string): RegExp {
    const literal = this.prefix.replaceAll('.', String.raw`\.`);
    return new RegExp(this.fill(text.replaceAll('${P}', literal)), 's');
  }

  /** Whether the text is one time placeholder and nothing else: such a string matches a number. */
  static isTime(text: string): boolean {
    return text.replace(NOW, '') === '' && text !== '';
  }
}
