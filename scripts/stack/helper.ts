import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { Daemon } from './daemon.ts';
import { javaCommand } from './jars.ts';
import { ADD_OPENS, SMALL_JVM } from './jvm-flags.ts';

const LISTENING = /^listening on (\d+)$/gm;

export interface HelperOptions {
  readonly directory: string;
  /** `TableServer` or `ScanServer`: the name of a Java file beside this one. */
  readonly server: 'TableServer' | 'ScanServer';
  readonly classPath: string;
}

/** A JVM that carries out commands sent as lines: one for all commands, since a JVM takes seconds to start. */
export class Helper {
  readonly #daemon: Daemon;

  constructor({ directory, server, classPath }: HelperOptions) {
    this.#daemon = new Daemon({
      directory,
      name: server,
      command: javaCommand(),
      args: [
        ...SMALL_JVM,
        ...ADD_OPENS,
        '-cp',
        classPath,
        join(import.meta.dirname, `${server}.java`),
      ],
      ready: (log) => log.match(LISTENING) !== null,
    });
  }

  /** Resolves to the lines of the answer, rejects with the server's own words; starts the server when need be. */
  async ask(command: string): Promise<readonly string[]> {
    await this.#daemon.start();
    const port = [...this.#daemon.log().matchAll(LISTENING)].at(-1)?.[1];
    const socket = connect(Number(port), '127.0.0.1');
    try {
      socket.write(`${command}\n`);
      const lines: string[] = [];
      for await (const line of createInterface(socket)) {
        if (line === 'ok') return lines;
        if (line.startsWith('error ')) throw new Error(line.slice('error '.length));
        lines.push(line);
      }
      throw new Error(`${this.#daemon.name} closed the connection after: ${command}`);
    } finally {
      socket.destroy();
    }
  }
}
