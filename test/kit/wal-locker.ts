import { DirectoryLock } from '../../src/wal/directory-lock.ts';
import { WalError } from '../../src/runtime/errors.ts';

/** Run as a process of its own: waits for a line on stdin, takes the lock, says how that went, and holds it until killed. */
const [directory = ''] = process.argv.slice(2);
process.stdout.write('ready\n');
process.stdin.once('data', () => {
  DirectoryLock.acquire(directory).then(
    () => process.stdout.write('held\n'),
    (error: unknown) => {
      const code = error instanceof WalError ? error.code : String(error);
      process.stdout.write(`${code} ${(error as Error).message}\n`);
    },
  );
});
process.stdin.on('end', () => process.exit(0));
