// The measurement function as a Worker of Cloudflare's. What it does is in core.cjs, the same as under Node.js; this is
// what differs.
//
// The clock of a Worker stands still while the Worker computes and moves on with I/O, against Spectre
// (developers.cloudflare.com/workers/runtime-apis/performance). So SpinNs is left out, and the stamp is the instant at
// which the request was in. When an isolate was started is not told, so neither is InitNs.

import core from './core.cjs';
import transfer from './transfer.cjs';
import fillers from './fillers.mjs';

const PART = 1 << 20; // bytes of a payload that are held at once: a Worker has 128 MB

// Nothing random is drawn here: outside of a request there is no source of it.
let id = '';
let invocations = 0;

// Each byte is read once, so that a platform which loads modules lazily has to bring all of them. Four at a time: a
// Worker may take a second to start, whatever its size.
let read = 0;
for (const filler of fillers) {
  const words = new Uint32Array(filler, 0, filler.byteLength >>> 2);
  for (let i = 0; i < words.length; i++) read ^= words[i];
  for (const byte of new Uint8Array(filler, words.byteLength)) read ^= byte;
}
globalThis.stellarFillerRead = read; // or an optimising compiler may delete the loop

const hex = (bytes) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');
const randomId = () => hex(crypto.getRandomValues(new Uint8Array(16)));
const now = () => BigInt(Date.now()) * 1000000n;

// claim is called when a request arrives. JavaScript runs it whole, so that one of several concurrent requests is cold.
function claim(request) {
  invocations++;
  id = id || randomId();
  return { ID: id, Cold: invocations === 1, Invocation: invocations, Runtime: 'workers', Host: request.cf?.colo };
}

// made makes n bytes that do not compress, the same ones each time and as under Node.js, in parts.
async function* made(n) {
  const secret = new TextEncoder().encode('stellar\0payload\0');
  const key = await crypto.subtle.importKey('raw', secret, 'AES-CTR', false, ['encrypt']);
  for (let at = 0; at < n; at += PART) {
    const counter = new Uint8Array(16);
    new DataView(counter.buffer).setUint32(12, at / 16); // blocks so far; 2^26 of them are the most that is made
    const zeros = new Uint8Array(Math.min(n - at, PART));
    yield new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, zeros));
  }
}

async function makePayload(n) {
  let length = 0;
  for await (const part of made(n)) length += part.length;
  return length;
}

async function make(n) {
  const all = new Uint8Array(n);
  let at = 0;
  for await (const part of made(n)) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

// bodyOf reads the whole request. A payload is kept, and the beginning of a body that may ask for something.
async function bodyOf(request, payload) {
  if (!request.body) return new Uint8Array(0);
  if (payload) return new Uint8Array(await request.arrayBuffer());
  const parts = [];
  let length = 0;
  let maybe = true;
  for await (const part of request.body) {
    if (length === 0) maybe = part[0] === 0x7b;
    if (maybe && length < core.MAX_CMDS) parts.push(part);
    length += part.byteLength;
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const sha256 = async (data) => hex(await crypto.subtle.digest('SHA-256', data));

// call asks the next function of a chain.
async function call(url, headers, body, end) {
  const signal = AbortSignal.timeout(Math.max(end - Date.now(), 1));
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
  return { status: response.status, text: await response.text() };
}

const chains = { ...transfer, platform: { now, chain: { call, make, sha256 } } };

const platform = { now, randomId, makePayload, transfer: () => chains };

export default {
  async fetch(request, env) {
    const instance = claim(request);
    const params = core.queryOf(request.url);
    const body = await bodyOf(request, 'PayloadSHA256' in params);
    const received = now();
    const tokenHash = (env.STELLAR_TOKEN_SHA256 || '').toLowerCase();
    const token = request.headers.get('x-stellar-token') || '';
    const [status, text] = await core.answer(platform, {
      instance,
      received,
      id: core.requestId((name) => request.headers.get(name)),
      hash: tokenHash && (await sha256(new TextEncoder().encode(token))),
      token,
      tokenHash,
      params,
      body,
      leftNs: core.timeoutNs(env.STELLAR_TIMEOUT_SECONDS),
    });
    return new Response(text, { status, headers: { 'Content-Type': 'application/json' } });
  },
};
