import { writeFileSync } from 'node:fs';
import { fileOperations, type FileOperations } from '../../src/storage/file-operations.ts';
import { FileStore } from '../../src/storage/file-store.ts';

/**
 * Creates the object `lanes/x/object` of 100,000 bytes in the store at argv[2], and dies by SIGKILL before the
 * step with the number argv[3]; the step `half` is the middle of the write. Prints the steps it takes.
 */
const [, , root = '', fatal = ''] = process.argv;
let step = 0;

function before(name: string): void {
  step += 1;
  process.stdout.write(`${name} `);
  if (String(step) === fatal) process.kill(process.pid, 'SIGKILL');
}

const deadly: FileOperations = {
  async write(path, content) {
    before('write');
    if (fatal === 'half') {
      writeFileSync(path, content.subarray(0, content.length / 2));
      process.kill(process.pid, 'SIGKILL');
    }
    await fileOperations.write(path, content);
  },
  async copy(path, source) {
    before('copy');
    await fileOperations.copy(path, source);
  },
  async link(path, name) {
    before('link');
    await fileOperations.link(path, name);
  },
  async remove(path) {
    before('remove');
    await fileOperations.remove(path);
  },
  async makeFolder(path) {
    before('makeFolder');
    await fileOperations.makeFolder(path);
  },
  async syncFolder(path) {
    before('syncFolder');
    await fileOperations.syncFolder(path);
  },
};

const outcome = await new FileStore(root, deadly).create(
  'lanes/x/object',
  Buffer.alloc(100_000, 7),
);
process.stdout.write(`${outcome}\n`);
