export const REPOSITORY_HELP = 'The repository: what `start` archives to.';

export function examples(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ ${line}`).join('\n')}`;
}
