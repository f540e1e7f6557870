import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const NEW_KEY = ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Both in one, as a broker reads them. */
  readonly both: string;
}

/** Who signs certificates, by openssl, all in one folder. */
export class Authority {
  /** A PEM file. */
  readonly cert: string;
  readonly #key: string;
  readonly #folder: string;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.cert = join(folder, `${name}.pem`);
    this.#key = join(folder, `${name}-key.pem`);
  }

  static async create(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    const files = ['-keyout', authority.#key, '-out', authority.cert];
    await run('openssl', [...NEW_KEY, '-x509', ...files, '-subj', `/CN=${name}`, '-days', '2']);
    return authority;
  }

  /** `host`: for which it is good, as `IP:127.0.0.1`. `days` below 0: it has run out. */
  async sign(name: string, host: string, days = 2): Promise<Certificate> {
    const of = (ending: string): string => join(this.#folder, `${name}-${ending}.pem`);
    const [cert, key, both, request] = [of('cert'), of('key'), of('both'), of('request')];
    const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${host}`];
    await run('openssl', [...NEW_KEY, '-keyout', key, '-out', request, ...names]);
    const signer = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial'];
    const how = ['-days', `${days}`, '-copy_extensions', 'copy'];
    await run('openssl', ['x509', '-req', '-in', request, ...signer, ...how, '-out', cert]);
    await writeFile(both, `${await readFile(key, 'utf8')}${await readFile(cert, 'utf8')}`);
    return { cert, key, both };
  }
}
