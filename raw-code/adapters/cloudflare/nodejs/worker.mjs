// The measurement function as a Worker of Cloudflare's. What it does is in core.cjs, the same as under Node.js; this is
// what differs.
//
// The clock of a Worker stands still while the Worker computes and moves on with I/O, against Spectre
// (developers.cloudflare.com/workers/runtime-apis/performance). So SpinNs is left out, and the stamp is the instant at
// which the request was in. When an isolate was started is not told, so neither is InitNs.

import core from './core.cjs';
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

// makePayload makes n bytes that do not compress, the same ones each time and as under Node.js.
async function makePayload(n) {
  const secret = new TextEncoder().encode('stellar\0payload\0');
  const key = await crypto.subtle.importKey('raw', secret, 'AES-CTR', false, ['encrypt']);
  let made = 0;
  while (made < n) {
    const counter = new Uint8Array(16);
    new DataView(counter.buffer).setUint32(12, made / 16); // blocks so far; 2^26 of them are the most that is made
    const zeros = new Uint8Array(Math.min(n - made, PART));
    const part = await crypto.subtle.encrypt({ name: 'AES-CTR', counter, length: 64 }, key, zeros);
    made += part.byteLength;
  }
  return made;
}

// bodyOf reads the whole request, and keeps the beginning of a body that may ask for micro-tests.
async function bodyOf(request) {
  if (!request.body) return '';
  const decoder = new TextDecoder();
  let text = '';
  let length = 0;
  let maybe = true;
  for await (const part of request.body) {
    if (length === 0) maybe = part[0] === 0x7b;
    if (maybe && length < core.MAX_CMDS) text += decoder.decode(part, { stream: true });
    length += part.byteLength;
  }
  return text + decoder.decode();
}

const platform = { now, randomId, makePayload };

export default {
  async fetch(request, env) {
    const instance = claim(request);
    const body = await bodyOf(request);
    const received = now();
    const tokenHash = (env.STELLAR_TOKEN_SHA256 || '').toLowerCase();
    const token = new TextEncoder().encode(request.headers.get('x-stellar-token') || '');
    const [status, text] = await core.answer(platform, {
      instance,
      received,
      id: core.requestId((name) => request.headers.get(name)),
      hash: tokenHash && hex(await crypto.subtle.digest('SHA-256', token)),
      tokenHash,
      params: core.queryOf(request.url),
      cmds: core.askedCmds(body),
      leftNs: core.timeoutNs(env.STELLAR_TIMEOUT_SECONDS),
    });
    return new Response(text, { status, headers: { 'Content-Type': 'application/json' } });
  },
};
