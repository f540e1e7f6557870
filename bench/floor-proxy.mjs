/* oxlint-disable typescript/no-unsafe-assignment, typescript/no-unsafe-return -- plain JavaScript on purpose: no loader between Node and the floor. */
// The floor, not a peer: the least a proxy in Node can do, without log and without parsing.
// usage: node floor-proxy.mjs TARGET_HOST:PORT HTTP_PORT TELNET_PORT [nodelay] [log=FILE]
// The targets were set against the floor without options: see docs/BENCHMARKS.md, 'The floor'. With `log` it is the least
// that writes what it gets to a file, synced, before it passes it on: one write at a time, of all that came meanwhile.
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';

const [target = '127.0.0.1:4242', httpPort = '31081', telnetPort = '31082', ...options] =
  process.argv.slice(2);
const noDelay = options.includes('nodelay');
const logFile = options.find((option) => option.startsWith('log='))?.slice('log='.length);
const separator = target.lastIndexOf(':');
const host = target.slice(0, separator);
const port = Number(target.slice(separator + 1));
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

const NOTHING = Buffer.alloc(0);
/** Bytes of the log that are used again and again. */
const LOG_BYTES = 64 * 1024 * 1024;
/** While more wait for the log, telnet is not read. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
const log = logFile === undefined ? undefined : openLog(logFile);
let waiting = [];
let isWriting = false;
let logged = 0;
let waitingBytes = 0;

function openLog(path) {
  fs.writeFileSync(path, Buffer.alloc(LOG_BYTES));
  return fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_DSYNC);
}

/** Calls `next` once the bytes are on the disk; at once when there is no log. */
function whenLogged(bytes, next) {
  if (log === undefined) return next();
  waiting.push({ bytes, next });
  waitingBytes += bytes.length;
  if (!isWriting) {
    isWriting = true;
    setImmediate(writeWaiting);
  }
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
    isWriting = waiting.length > 0;
    if (isWriting) writeWaiting();
  });
}

// HTTP: node:http in, the body buffered once (as a log would need it), node:http out.
http
  .createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      const headers = { ...request.headers, 'content-length': body.length };
      delete headers.connection;
      delete headers['transfer-encoding'];
      const { method, url: path } = request;
      whenLogged(body, () => {
        const upstream = http.request({ host, port, path, method, headers, agent }, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        });
        upstream.on('error', () => response.writeHead(502).end());
        upstream.end(body);
      });
    });
  })
  .listen(Number(httpPort), '127.0.0.1');

// Telnet: forwards whole lines in the batches they came in, and counts them.
net
  .createServer({ noDelay }, (client) => {
    const upstream = net.connect({ port, host, noDelay });
    let tail = null;
    let lines = 0;
    client.on('data', (chunk) => {
      const end = chunk.lastIndexOf(10);
      if (end < 0) {
        tail = tail ? Buffer.concat([tail, chunk]) : chunk;
        return;
      }
      let out = chunk.subarray(0, end + 1);
      if (tail) out = Buffer.concat([tail, out]);
      tail = end + 1 < chunk.length ? chunk.subarray(end + 1) : null;
      for (let at = out.indexOf(10); at >= 0; at = out.indexOf(10, at + 1)) lines += 1;
      whenLogged(out, () => {
        if (log !== undefined) client.resume();
        if (!upstream.write(out)) {
          client.pause();
          upstream.once('drain', () => client.resume());
        }
      });
      if (waitingBytes > WAITING_BYTES_MAX) client.pause();
    });
    client.on('end', () => whenLogged(tail ?? NOTHING, () => upstream.end(tail ?? undefined)));
    upstream.pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.on('close', () => (lines = 0));
  })
  .listen(Number(telnetPort), '127.0.0.1');
