/** Replies of OpenTSDB's telnet port (opentsdb-write-api 1.3), without their `\n`. */

/** The answer to `help`: it ends with a space, as OpenTSDB's does. */
export const helpReply = (commands: readonly string[]): string =>
  `available commands: ${commands.join(' ')} `;

export const unknownCommandReply = (command: string): string =>
  `unknown command: ${command}.  Try \`help'.`;
