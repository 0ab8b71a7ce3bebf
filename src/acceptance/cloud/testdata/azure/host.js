'use strict';

// Stands in for the Functions host and Node.js worker: loads what function.json names and calls it by the programming model v3.

const fs = require('fs');
const http = require('http');
const path = require('path');
const { randomUUID } = require('crypto');

const [root, port] = process.argv.slice(2);
const meta = JSON.parse(fs.readFileSync(path.join(root, 'measure', 'function.json'), 'utf8'));
const entry = require(path.join(root, 'measure', meta.scriptFile))[meta.entryPoint];

http
  .createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const url = new URL(request.url, 'http://host');
      const query = {};
      for (const [name, value] of url.searchParams) query[name] = name in query ? `${query[name]},${value}` : value;
      const context = { invocationId: randomUUID() };
      const bytes = Buffer.concat(parts);
      const raw = bytes.toString('utf8');
      let body = raw;
      if (/^application\/octet-stream/.test(request.headers['content-type'])) {
        body = bytes;
      } else {
        try {
          body = JSON.parse(raw);
        } catch {
          // no JSON
        }
      }
      await entry(context, { method: request.method, url: url.href, headers: request.headers, query, params: {}, body, rawBody: raw });
      response.writeHead(context.res.status, context.res.headers);
      response.end(context.res.body);
    });
  })
  .listen(Number(port), '127.0.0.1');
