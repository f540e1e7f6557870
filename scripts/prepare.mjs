/// <reference types="node" />
/**
 * Makes a fresh clone ready: installs the versions that package-lock.json names, and with --build makes dist of src.
 * Runs before `npm start` and `npm test`, when nothing may be installed yet, so it is plain JavaScript and imports
 * nothing from outside. Says nothing when there is nothing to do.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const PLACE_ATTEMPTS_MAX = 10;

try {
  prepare();
} catch (error) {
  process.stderr.write(`tsdb-wal: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function prepare() {
  if (!isInstalled()) {
    // Not `npm ci`: that refuses a lock file without the optional binaries of platforms other than ours.
    const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];
    run('installing packages', 'npm', ['install', '--no-save', '--include=dev', ...quietly]);
  }
  if (process.argv.includes('--build') && !isBuilt()) build();
}

/** Compares with what npm notes about each install; times say little after a checkout or an `npm install`. */
function isInstalled() {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  return Object.entries(wanted)
    .filter(([path, entry]) => path !== '' && !entry.optional && !entry.devOptional)
    .every(([path, entry]) => installed[path]?.version === entry.version);
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string; optional?: boolean; devOptional?: boolean }>}
 */
function readPackages(path) {
  if (!existsSync(path)) return {};
  const lock = /** @type {{ packages: ReturnType<typeof readPackages> }} */ (
    JSON.parse(readFileSync(path, 'utf8'))
  );
  return lock.packages;
}

function isBuilt() {
  return modifiedMs(dist) >= newestSourceMs();
}

/** Folders count too: their time tells of files that are gone. */
function newestSourceMs() {
  const source = join(root, 'src');
  const inside = readdirSync(source, { recursive: true }).map((name) => join(source, name));
  const settings = ['tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  return Math.max(...[source, ...inside, ...settings].map(modifiedMs));
}

/** @param {string} path */
function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

/** Built beside and then put in place: a build that fails leaves the old one, and nobody meets half a one. */
function build() {
  const building = `${dist}.${process.pid}`;
  const startedAt = new Date();
  try {
    run('building', 'npm', ['run', '--silent', 'build', '--', '--outDir', building]);
    // What changes while the compiler runs is newer than this.
    utimesSync(building, startedAt, startedAt);
    putInPlace(building);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

/**
 * Tried again when another build of the same checkout did it in between; the last one stays.
 * @param {string} building
 */
function putInPlace(building) {
  const replaced = `${building}.old`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (existsSync(dist)) renameSync(dist, replaced);
      return renameSync(building, dist);
    } catch (error) {
      if (attempt === PLACE_ATTEMPTS_MAX) throw error;
    } finally {
      rmSync(replaced, { recursive: true, force: true });
    }
  }
}

/**
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(what, command, args) {
  process.stderr.write(`tsdb-wal: ${what} …\n`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  throw new Error(`${what} failed: \`${command} ${args.join(' ')}\``, { cause: error });
}
