import { openRepository } from '../../../src/archive/repository.ts';
import { NEVER, newMerger } from './merging.ts';

/** Run as a process of its own: merges what is to be merged in the repository given, and says when it begins. */
const [place = '', scratch = ''] = process.argv.slice(2);
const { merger, told } = newMerger({ repository: await openRepository(place), scratch });
process.stdout.write('merging\n');
await merger.once(NEVER);
process.exitCode = told.hindered.length;
