'use strict';

// What the measurement function does alike wherever JavaScript runs: parameters, token, spin loop, answer. It uses the
// language and nothing else; clocks, ids, hashes and payloads come from the platform's own file beside it.

const MAX_PAYLOAD = 1 << 30; // bytes
// The duration of one step on a fast processor with a whole core. It is only used to refuse requests that certainly
// exceed the timeout; calibration measures the real duration.
const NS_PER_INCREMENT = 1;
// Used if the platform does not report its timeout: no platform allows longer requests.
const LONGEST_TIMEOUT_NS = 3600e9;
const SEED = 88172645463325252n; // Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves
const MAX_CMDS = 1 << 20; // how many bytes of a body that may ask for micro-tests are looked at

// Refused is a request that is answered with a status and a reason.
class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// admit compares hashes in hexadecimal, of equal length whatever was sent, in a time that does not tell where they
// differ.
function admit(sent, want) {
  let differ = sent.length ^ want.length;
  for (let i = 0; i < sent.length; i++) differ |= sent.charCodeAt(i) ^ want.charCodeAt(i);
  if (differ !== 0) throw new Refused(401, "this function wants the run's token in the header X-Stellar-Token");
}

const shorten = (text) => (text.length <= 40 ? text : `${text.slice(0, 40)}...`);
const digits = (text) => /^[0-9]+$/.test(text);
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);

// count reads a parameter that is a whole number from 0 up; an absent one is 0.
function count(params, name) {
  if (!has(params, name)) return 0;
  const text = typeof params[name] === 'string' ? params[name] : JSON.stringify(params[name]);
  if (text[0] === '-' && digits(text.slice(1))) {
    throw new Refused(400, `${name} is ${shorten(text)}, it must not be negative`);
  }
  if (!digits(text)) throw new Refused(400, `${name} is ${JSON.stringify(shorten(text))}, it must be a whole number`);
  const plain = text.replace(/^0+/, '');
  if (plain.length > 19 || BigInt(plain || '0') >= 1n << 63n) {
    throw new Refused(400, `${name} is ${shorten(text)}, that is too large`);
  }
  return Number(plain || '0');
}

const blank = (v) => v == null || v === '' || v === '[]' || v === 'null' || (Array.isArray(v) && v.length === 0);

// refuseUnready names parameters of older functions that are in another place here.
function refuseUnready(params) {
  const get = (name) => (has(params, name) ? params[name] : undefined);
  // Clients send an empty chain with every request.
  if (!blank(get('DataTransferChainIDs'))) {
    throw new Refused(400, 'DataTransferChainIDs: chains over HTTP are in Chain, a JSON array of URLs');
  }
  for (const name of ['PutURL', 'GetURL']) {
    if (get(name)) {
      throw new Refused(400, `${name}: the objects of a transfer through storage are in the request's body`);
    }
  }
  const storage = get('StorageTransfer');
  if ((storage === 'true' || storage === true) && !inChain(params)) {
    throw new Refused(400, 'StorageTransfer: it is for chains, ask it with Chain');
  }
}

// inChain reports whether a request is part of a chain.
function inChain(params) {
  return has(params, 'PayloadSHA256') || !blank(has(params, 'Chain') ? params.Chain : undefined);
}

function readParams(params, leftNs) {
  refuseUnready(params);
  const increments = count(params, 'IncrementLimit');
  const payload = count(params, 'PayloadLengthBytes');
  if (payload > MAX_PAYLOAD) {
    throw new Refused(400, `PayloadLengthBytes is ${payload}, at most ${MAX_PAYLOAD} (1 GiB) is allowed`);
  }
  const need = increments * NS_PER_INCREMENT;
  if (need > leftNs) {
    const seconds = (ns) => String(Number((ns / 1e9).toPrecision(3)));
    throw new Refused(
      400,
      `IncrementLimit ${increments} would spin for at least ${seconds(need)} s, ` +
        `the function's timeout leaves ${seconds(Math.max(leftNs, 0))} s`
    );
  }
  return { increments, payload };
}

// spin steps n times through xorshift64 with the shifts 13, 7, 17; one step is one increment. The 64 bits are two
// numbers of 32, which the engine keeps in registers. It gives the upper 53 bits: exact in readers that know only
// floating point.
function spin(n) {
  let high = Number(SEED >> 32n) | 0;
  let low = Number(SEED & 0xffffffffn) | 0;
  for (let i = 0; i < n; i++) {
    high ^= (high << 13) | (low >>> 19);
    low ^= low << 13;
    low ^= (low >>> 7) | (high << 25);
    high ^= high >>> 7;
    high ^= (high << 17) | (low >>> 15);
    low ^= low << 17;
  }
  return (high >>> 0) * 2097152 + (low >>> 11);
}

// askedOf gives the micro-tests that a body asks for, as the object with the key cmds. Any other body is a payload.
function askedOf(body) {
  if (!body || body[0] !== 0x7b) return {};
  try {
    const asked = JSON.parse(new TextDecoder().decode(body));
    return has(asked, 'cmds') ? { cmds: asked.cmds } : {};
  } catch {
    return {};
  }
}

// readCmds checks the micro-tests of a body or of a query; undefined: none are asked for.
function readCmds(platform, body, params) {
  const asked = has(body, 'cmds') ? body : params;
  if (!has(asked, 'cmds')) return undefined;
  if (!platform.cmds) throw new Refused(400, 'cmds: this function does not run micro-tests, ask it without cmds');
  const { Wrong, readCmds: read } = platform.cmds();
  try {
    return read(typeof asked.cmds === 'string' ? JSON.parse(asked.cmds) : asked.cmds);
  } catch (e) {
    if (e instanceof Wrong) throw new Refused(400, e.message);
    if (e instanceof SyntaxError) throw new Refused(400, 'cmds is not a JSON object');
    throw e;
  }
}

// answer does the work of one request and returns the response's status and JSON text. The platform has now (Unix ns),
// randomId, makePayload, elapsed (monotonic ns) unless its clock stands still while a function works: SpinNs is left
// out there, transfer, which loads what chains need, and cmds, which loads the micro-tests, where it has some. hash and
// tokenHash are hexadecimal SHA-256; a function without tokenHash admits everybody.
async function answer(platform, request) {
  try {
    if (request.tokenHash) admit(request.hash, request.tokenHash);
    const { increments, payload } = readParams(request.params, request.leftNs);
    const transfer = inChain(request.params) ? platform.transfer() : undefined;
    const chain = transfer && transfer.read(shared, transfer.platform, request.params, request.body);
    const steps = chain ? undefined : readCmds(platform, askedOf(request.body), request.params);
    const begun = platform.elapsed && platform.elapsed();
    const sink = spin(increments);
    const spinNs = platform.elapsed && Number(platform.elapsed() - begun);
    const made = payload && !chain ? await platform.makePayload(payload) : 0;
    const text = {
      RequestID: request.id || platform.randomId(),
      TimestampChain: [String(platform.now())],
      Instance: request.instance,
      ReceivedAt: String(request.received),
      SpinNs: spinNs,
      Increments: increments,
      Sink: sink,
    };
    if (made) text.PayloadBytes = made;
    if (chain) await transfer.run(transfer.platform, chain, request, payload, text);
    if (steps) {
      text.Cmds = await platform.cmds().runCmds(steps, request.received, platform.now(), request.leftNs);
      text.TimestampChain = [String(platform.now())];
    }
    return [200, JSON.stringify(text)];
  } catch (e) {
    if (!e.status) throw e; // neither Refused nor a failure of the chain
    return [e.status, JSON.stringify({ error: e.message })];
  }
}

// queryOf is the query as gateways give it: a parameter given twice is joined, so that it is refused in the same way.
function queryOf(url) {
  const params = {};
  const at = url.indexOf('?');
  if (at < 0) return params;
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    params[name] = has(params, name) ? `${params[name]},${value}` : value;
  }
  return params;
}

// requestId is the platform's name for the request. Anyone may send such a header: a long one is ignored.
function requestId(header) {
  for (const name of ['x-request-id', 'x-cloud-trace-context', 'cf-ray']) {
    const value = header(name);
    if (value && value.length <= 256) return value;
  }
  return '';
}

// timeoutNs reads the timeout in seconds as the function's environment gives it.
function timeoutNs(seconds) {
  const n = Number(seconds || '3600');
  return Number.isFinite(n) ? n * 1e9 : LONGEST_TIMEOUT_NS;
}

const shared = { Refused, count, has, shorten };

module.exports = { LONGEST_TIMEOUT_NS, MAX_CMDS, answer, queryOf, requestId, timeoutNs };
