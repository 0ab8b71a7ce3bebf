'use strict';

// What a chain needs of Node.js: hashes, payloads, requests to functions and to a store. Connections are kept; one that
// turns out to be closed before an answer is replaced once, where the body can be sent again.

const crypto = require('crypto');

const PART = 1 << 20;
const KEEP_MOST = 16 << 20; // a larger payload out of a store is read from there once more while it is put again
const MAX_REPLY = 4 << 20;
const IDLE_MS = 50000; // gateways drop idle connections after about 55 s, some without a word

const clients = {};

// client loads what speaks a scheme, and its agent, which keeps connections.
function client(scheme) {
  if (!clients[scheme]) {
    const module = scheme === 'https:' ? require('https') : require('http');
    clients[scheme] = { module, agent: new module.Agent({ keepAlive: true, timeout: IDLE_MS }) };
  }
  return clients[scheme];
}

// made makes n bytes that do not compress, the same ones each time, in parts.
function* made(n) {
  const cipher = crypto.createCipheriv('aes-128-ctr', Buffer.from('stellar\0payload\0'), Buffer.alloc(16));
  for (let left = n; left > 0; left -= PART) yield cipher.update(Buffer.alloc(Math.min(left, PART)));
}

const make = (n) => Buffer.concat([...made(n)]);
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

function shaOfMade(n) {
  const hash = crypto.createHash('sha256');
  for (const part of made(n)) hash.update(part);
  return hash.digest('hex');
}

// ask sends a request, whose body is a buffer, a stream or nothing, and gives the response.
function ask(method, at, headers, body, end) {
  const stream = body && typeof body.pipe === 'function';
  return new Promise((resolve, reject) => {
    const url = new URL(at);
    const { module, agent } = client(url.protocol);
    const request = module.request(url, { method, headers, agent }, (response) => {
      response.once('close', () => clearTimeout(timer));
      resolve(response);
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), Math.max(end - Date.now(), 1));
    request.once('error', (e) => {
      clearTimeout(timer);
      const closed = ['ECONNRESET', 'EPIPE'].includes(e.code);
      if (closed && request.reusedSocket && !stream) resolve(ask(method, at, headers, body, end));
      else reject(e);
    });
    if (stream) require('stream/promises').pipeline(body, request).catch(reject);
    else request.end(body);
  });
}

async function textOf(response, most) {
  const parts = [];
  let length = 0;
  for await (const part of response) {
    parts.push(part);
    length += part.length;
    if (length > most) break;
  }
  return Buffer.concat(parts).toString('utf8', 0, most);
}

async function call(at, headers, body, end) {
  const response = await ask('POST', at, { ...headers, 'Content-Length': body.length }, body, end);
  return { status: response.statusCode, text: await textOf(response, MAX_REPLY) };
}

async function success(response) {
  if (Math.trunc(response.statusCode / 100) === 2) return response;
  const said = await textOf(response, 200);
  throw new Error(`the store answered ${response.statusCode} ${response.statusMessage}: ${said}`);
}

// put writes a payload into the store.
async function put(to, payload, end) {
  let body = payload.data || Buffer.alloc(0);
  if (!payload.data && payload.size) {
    body = payload.get ? await success(await ask('GET', payload.get, {}, undefined, end))
      : require('stream').Readable.from(made(payload.size), { objectMode: false });
  }
  const headers = { ...to.Header, 'Content-Length': payload.size };
  await textOf(await success(await ask('PUT', to.Put, headers, body, end)), MAX_REPLY);
}

// get reads the whole object in which a payload is; what is to go on is kept, unless it is too large. now gives the
// instant in Unix ns.
async function get(at, goesOn, expected, end, now) {
  const begun = now();
  const hash = crypto.createHash('sha256');
  const kept = goesOn && expected <= KEEP_MOST ? [] : undefined;
  const response = await success(await ask('GET', at, {}, undefined, end));
  let size = 0;
  let firstNs;
  for await (const part of response) {
    firstNs = firstNs || Number(now() - begun);
    size += part.length;
    hash.update(part);
    if (kept) kept.push(part);
  }
  const read = now();
  const getNs = Number(read - begun);
  if (!response.complete) throw new Error(`the object broke off after ${size} bytes`);
  const data = kept && Buffer.concat(kept);
  return { size, at: String(read), sha: hash.digest('hex'), data, firstNs: firstNs || getNs, getNs };
}

module.exports = { call, get, make, made, put, sha256, shaOfMade };
