/* oxlint-disable typescript/no-unsafe-assignment -- plain JavaScript on purpose: no loader between Node and the floor. */
// The floor, not a peer: the least a proxy in Node can do, without log and without parsing.
// usage: node floor-proxy.mjs TARGET_HOST:PORT HTTP_PORT TELNET_PORT [nodelay]
// The targets were set against the floor without `nodelay`: see docs/BENCHMARKS.md, 'The floor'.
import http from 'node:http';
import net from 'node:net';

const [target = '127.0.0.1:4242', httpPort = '31081', telnetPort = '31082', delay] =
  process.argv.slice(2);
const noDelay = delay === 'nodelay';
const separator = target.lastIndexOf(':');
const host = target.slice(0, separator);
const port = Number(target.slice(separator + 1));
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

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
      const upstream = http.request({ host, port, path, method, headers, agent }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      upstream.on('error', () => response.writeHead(502).end());
      upstream.end(body);
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
      if (!upstream.write(out)) {
        client.pause();
        upstream.once('drain', () => client.resume());
      }
    });
    client.on('end', () => upstream.end(tail ?? undefined));
    upstream.pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.on('close', () => (lines = 0));
  })
  .listen(Number(telnetPort), '127.0.0.1');
