import { access } from 'node:fs/promises';

/** Whether a file or a folder is at the path; false also where it can't be looked at. */
export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
