import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/kit/ports.ts';
import { stackRoot } from './jars.ts';
import { identify, isRunning } from './process-identity.ts';
import { type StackPlace, stopAll } from './stack.ts';

const THROWAWAY = 'test-';
/** Not whole yet: after it comes the process that makes it, as `identify` names it, and something that no other has. */
const NASCENT = 'new-';

/** A person's stack: one for each base port, kept until its directory is removed. */
export function lastingPlace(basePort: number): StackPlace {
  return {
    directory: join(stackRoot(), `stack-${basePort}`),
    purpose: 'lasting',
    ports: {
      master: basePort + 60,
      region: basePort + 61,
      zookeeper: basePort + 81,
      kafka: basePort + 92,
      kafkaController: basePort + 93,
    },
  };
}

/** A test run's stack, on free ports. `sweep` ends it should this process die without doing so. */
export async function throwawayPlace(): Promise<StackPlace> {
  const owner = identify(process.pid) ?? '';
  const unique = randomBytes(3).toString('hex');
  const directory = join(stackRoot(), `${THROWAWAY}${process.pid}-${unique}`);
  // It has its owner from the first moment on: another's sweep must not take it for one that nobody has.
  const nascent = join(stackRoot(), `${NASCENT}${owner}-${unique}`);
  mkdirSync(nascent, { recursive: true });
  writeFileSync(ownerFile(nascent), owner);
  renameSync(nascent, directory);
  return {
    directory,
    purpose: 'throwaway',
    ports: {
      master: await freePort(),
      region: await freePort(),
      zookeeper: await freePort(),
      kafka: await freePort(),
      kafkaController: await freePort(),
    },
  };
}

/** Ends and removes the stacks of test runs that are gone. */
export async function sweep(): Promise<void> {
  if (!existsSync(stackRoot())) return;
  for (const name of readdirSync(stackRoot())) {
    if (isLeft(name)) await stopAll(join(stackRoot(), name), 'throwaway');
  }
}

function isLeft(name: string): boolean {
  if (name.startsWith(THROWAWAY)) return !hasOwner(join(stackRoot(), name));
  // It may have no owner's file yet: its name tells.
  const maker = name.slice(NASCENT.length, name.lastIndexOf('-'));
  return name.startsWith(NASCENT) && !isRunning(maker);
}

function hasOwner(directory: string): boolean {
  try {
    return isRunning(readFileSync(ownerFile(directory), 'utf8'));
  } catch {
    // Half made, or half removed.
    return false;
  }
}

function ownerFile(directory: string): string {
  return join(directory, 'owner');
}
