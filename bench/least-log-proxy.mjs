/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-return -- plain JavaScript on purpose: no loader between Node and the floor. */
// The least that puts a log first, in Node: what comes is written to a file and synced, one write at a time of all that came
// meanwhile, before it goes on. No point is read, numbered or checked, and nothing could be restored from the file.
// HTTP is what `tsdload` sends and no more: one put a time on a connection, with a Content-Length; puts that were logged together go on
// as one. The floor itself uses node:http on both sides, which costs more than such a log does.
// usage: node least-log-proxy.mjs TARGET_HOST:PORT HTTP_PORT TELNET_PORT LOG_FILE [nodelay]
import fs from 'node:fs';
import net from 'node:net';

const [target = '127.0.0.1:4242', httpPort = '31081', telnetPort = '31082', logFile, ...options] =
  process.argv.slice(2);
const noDelay = options.includes('nodelay');
const separator = target.lastIndexOf(':');
const host = target.slice(0, separator);
const port = Number(target.slice(separator + 1));

const NOTHING = Buffer.alloc(0);
const HEAD_END = Buffer.from('\r\n\r\n');
const OPEN = 0x5b;
const COMMA = Buffer.from(',');
const LENGTH = /\r\ncontent-length: (\d+)/i;
const ANSWER =
  'HTTP/1.1 204 No Content\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 0\r\n\r\n';
/** Bytes of the log that are used again and again. */
const LOG_BYTES = 64 * 1024 * 1024;
/** While more wait for the log, telnet is not read. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;

fs.writeFileSync(logFile, Buffer.alloc(LOG_BYTES));
const log = fs.openSync(logFile, fs.constants.O_WRONLY | fs.constants.O_DSYNC);
let waiting = [];
let isWriting = false;
let logged = 0;
let waitingBytes = 0;

/** Calls `next` once the bytes are on the disk. */
function whenLogged(bytes, next) {
  waiting.push({ bytes, next });
  waitingBytes += bytes.length;
  if (isWriting) return;
  isWriting = true;
  setImmediate(writeWaiting);
}

function writeWaiting() {
  const batch = waiting;
  waiting = [];
  const bytes = Buffer.concat(batch.map((one) => one.bytes));
  if (logged + bytes.length > LOG_BYTES) logged = 0;
  fs.write(log, bytes, 0, bytes.length, logged, (error) => {
    if (error) throw error;
    logged += bytes.length;
    waitingBytes -= bytes.length;
    for (const { next } of batch) next();
    passOn();
    isWriting = waiting.length > 0;
    if (isWriting) writeWaiting();
  });
}

// HTTP. Logged, and not yet passed on:
let puts = [];
let isPassingOn = [];
let upstream;

function passOn() {
  if (isPassingOn.length > 0 || puts.length === 0) return;
  isPassingOn = puts;
  puts = [];
  const parts = isPassingOn.flatMap(({ points }) => [COMMA, points]);
  parts[0] = Buffer.from('[');
  parts.push(Buffer.from(']'));
  const body = Buffer.concat(parts);
  upstream ??= net.connect({ host, port, noDelay: true }).on('data', answered);
  upstream.cork();
  upstream.write(`POST /api/put?details HTTP/1.1\r\nHost: ${target}\r\n`);
  upstream.write(`Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`);
  upstream.write(body);
  upstream.uncork();
}

let answer = '';
function answered(bytes) {
  answer += bytes.toString('latin1');
  const bodyStart = answer.indexOf('\r\n\r\n') + HEAD_END.length;
  const length = LENGTH.exec(answer)?.[1];
  if (bodyStart < HEAD_END.length || answer.length < bodyStart + Number(length ?? 0)) return;
  const clients = isPassingOn;
  isPassingOn = [];
  const status = answer.slice('HTTP/1.1 '.length).slice(0, 3);
  answer = '';
  passOn();
  const reply = status < '300' ? ANSWER : ANSWER.replace('204 No Content', '502 Bad Gateway');
  for (const { client } of clients) client.write(reply, 'latin1');
}

net
  .createServer({ noDelay: true }, (client) => {
    let held = NOTHING;
    let wanted = 0;
    client.on('error', () => client.destroy());
    client.on('data', (bytes) => {
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes]);
      if (held.length < wanted) return;
      const bodyStart = held.indexOf(HEAD_END) + HEAD_END.length;
      if (bodyStart < HEAD_END.length) return;
      const length = LENGTH.exec(held.toString('latin1', 0, bodyStart))?.[1];
      wanted = bodyStart + Number(length ?? 0);
      if (held.length < wanted) return;
      const body = held.subarray(bodyStart, wanted);
      held = NOTHING;
      wanted = 0;
      const points = body[0] === OPEN ? body.subarray(1, -1) : body;
      whenLogged(points, () => puts.push({ client, points }));
    });
  })
  .listen(Number(httpPort), '127.0.0.1');

// Telnet: whole lines, in the batches they came in.
net
  .createServer({ noDelay }, (client) => {
    const primary = net.connect({ port, host, noDelay });
    let tail = NOTHING;
    client.on('data', (chunk) => {
      const all = tail.length === 0 ? chunk : Buffer.concat([tail, chunk]);
      const end = all.lastIndexOf(10) + 1;
      tail = all.subarray(end);
      if (end === 0) return;
      const lines = all.subarray(0, end);
      whenLogged(lines, () => {
        client.resume();
        if (primary.write(lines)) return;
        client.pause();
        primary.once('drain', () => client.resume());
      });
      if (waitingBytes > WAITING_BYTES_MAX) client.pause();
    });
    client.on('end', () => whenLogged(tail, () => primary.end(tail)));
    primary.pipe(client);
    client.on('error', () => primary.destroy());
    primary.on('error', () => client.destroy());
  })
  .listen(Number(telnetPort), '127.0.0.1');
