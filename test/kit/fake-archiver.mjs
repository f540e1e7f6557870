/**
 * Stands in for the archiver: does what stands in the file `answer` of its data directory, whenever that has changed or
 * a lane is to be registered.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const data = process.argv[process.argv.indexOf('--data') + 1] ?? '';
let lane = '';
let done = '';

process.on('message', (/** @type {{ openings: { lane: string }[] }} */ { openings }) => {
  lane = openings.at(-1)?.lane ?? '';
  done = '';
});
process.once('disconnect', () => process.exit(0));
if (!process.connected) process.exit(0);
setInterval(() => {
  const answer = read();
  if (lane === '' || answer === done) return;
  done = answer;
  if (answer === 'end') process.exit(7);
  if (answer === 'registered') process.send({ kind: 'registered', lane });
  if (answer.startsWith('no: ')) {
    process.send({ kind: 'unregistered', lane, reason: answer.slice(4) });
  }
}, 5);

function read() {
  try {
    return readFileSync(join(data, 'answer'), 'utf8');
  } catch {
    return '';
  }
}
