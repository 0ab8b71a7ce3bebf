'use strict';

// What a chain needs of Node.js: hashes, payloads, requests to functions and to a store. Connections are kept; one that
// turns out to be closed before an answer is replaced once, where the body can be sent again.

const crypto = require('crypto');

const PART = 256 << 10; // of a payload that is made while it is sent
const SWEEP = 16 << 20;
const SEED = 0x9e3779b9;
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

// fill fills words with bytes that do not compress (xorshift32, Marsaglia 2003), and gives the generator's next state.
function fill(words, state) {
  let x = state;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return x;
}

// made makes n bytes, the same ones each time, in parts. All parts are in one buffer, which the next part overwrites:
// new ones would lie in memory, tens of megabytes of them, until the collector comes.
function* made(n) {
  const words = new Uint32Array(Math.ceil(Math.min(n, PART) / 4));
  const bytes = Buffer.from(words.buffer);
  let state = SEED;
  for (let left = n; left > 0; left -= PART) {
    state = fill(words, state);
    yield bytes.subarray(0, Math.min(left, PART));
  }
}

function make(n) {
  const all = Buffer.allocUnsafe(n);
  let at = 0;
  for (const part of made(n)) at += part.copy(all, at);
  return all;
}

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

function shaOfMade(n) {
  const hash = crypto.createHash('sha256');
  for (const part of made(n)) hash.update(part);
  return hash.digest('hex');
}

// sweeper gives a function that is told of each part of a payload that has been read. The collector sees how small the
// heads of buffers are, not what hangs on them, and comes after some 60 MiB; here it is called more often.
function sweeper() {
  let collect;
  let since = 0;
  return (part) => {
    since += part.length;
    if (since < SWEEP) return;
    since = 0;
    if (!collect) {
      require('v8').setFlagsFromString('--expose-gc');
      collect = require('vm').runInNewContext('gc');
    }
    collect({ type: 'minor' });
  };
}

// writeParts sends a payload part by part, each one when the one before has left its buffer.
async function writeParts(request, parts) {
  const sweep = sweeper();
  for await (const part of parts) {
    await new Promise((written, failed) => request.write(part, (e) => (e ? failed(e) : written())));
    sweep(part);
  }
  request.end();
}

// ask sends a request, whose body is a buffer, an iterable of parts, or nothing, and gives the response.
function ask(method, at, headers, body, end) {
  const parts = body && !(body instanceof Uint8Array);
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
      if (closed && request.reusedSocket && !parts) resolve(ask(method, at, headers, body, end));
      else reject(e);
    });
    if (parts) writeParts(request, body).catch((e) => request.destroy(e));
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
    body = payload.get ? await success(await ask('GET', payload.get, {}, undefined, end)) : made(payload.size);
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
  const sweep = sweeper();
  for await (const part of response) {
    firstNs = firstNs || Number(now() - begun);
    size += part.length;
    hash.update(part);
    if (kept) kept.push(part);
    sweep(part);
  }
  const read = now();
  const getNs = Number(read - begun);
  if (!response.complete) throw new Error(`the object broke off after ${size} bytes`);
  const data = kept && Buffer.concat(kept);
  return { size, at: String(read), sha: hash.digest('hex'), data, firstNs: firstNs || getNs, getNs };
}

module.exports = { call, get, make, made, put, sha256, shaOfMade };
