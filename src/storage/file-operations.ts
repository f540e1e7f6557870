import { constants } from 'node:fs';
import { copyFile, link, open, rm } from 'node:fs/promises';
import { makeFolder, syncFolder } from '../runtime/durable-file.ts';

/** The steps of which a durable write on files consists, so that tests can make each one fail. */
export interface FileOperations {
  /** Makes a new file with that content, durably, though its name is not durable yet. */
  write(path: string, content: Uint8Array): Promise<void>;
  /** The same with another file's content. */
  copy(path: string, source: string): Promise<void>;
  /** Gives a file a second name; fails with EEXIST when the name is taken. */
  link(path: string, name: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Durably, with those above it. */
  makeFolder(path: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
}

export const fileOperations: FileOperations = {
  async write(path, content) {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  async copy(path, source) {
    await copyFile(source, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  },
  link,
  remove: (path) => rm(path, { force: true }),
  async makeFolder(path) {
    await makeFolder(path);
  },
  syncFolder,
};
