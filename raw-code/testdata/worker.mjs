// Serves the Worker in this folder on a port, as the platform would: node worker.mjs PORT TOKEN-SHA256.
import http from 'http';
import worker from './worker/worker.mjs';

const [port, hash] = process.argv.slice(2);
http
  .createServer(async (incoming, outgoing) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const { method, headers } = incoming;
    const body = method === 'GET' ? undefined : Buffer.concat(parts);
    const request = new Request(`http://${headers.host}${incoming.url}`, { method, headers, body });
    const response = await worker.fetch(request, { STELLAR_TOKEN_SHA256: hash });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  })
  .listen(Number(port), '127.0.0.1');
