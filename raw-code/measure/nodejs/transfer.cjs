'use strict';

// A request's part of a chain over HTTP: the payload that comes in, and the functions that it goes on to. Only requests
// of a chain load this file. It uses the language and nothing else; hashes, payloads and the network come from the
// platform's own file. The functions below stand in the order of a walk through the tree, a function before those that
// it calls; with a Fan of 1 that is the order of the chain.

const PAYLOAD_STATUS = 422; // the payload did not arrive as its producer made it (RFC 9110)
const MAX_CHAIN = 1000;
const MARGIN_MS = 100; // before the deadline, to answer that a function below did not

// Failed is the answer where the chain has failed: its status and a reason.
class Failed extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// bare is a URL without its query: that of a presigned one is a secret.
const bare = (at) => at.split('?', 1)[0];

// read reads what a request says of its chain; core has what it shares with other requests.
function read(core, platform, params, body) {
  const { Refused, shorten } = core;
  const receives = core.has(params, 'PayloadSHA256');
  let chain = core.has(params, 'Chain') ? params.Chain : [];
  if (chain === '' || chain === null) chain = [];
  try {
    if (typeof chain === 'string') chain = JSON.parse(chain) || [];
  } catch {
    chain = undefined;
  }
  if (!Array.isArray(chain)) {
    throw new Refused(400, `Chain is not a JSON array of URLs: ${shorten(String(params.Chain))}`);
  }
  if (chain.length > MAX_CHAIN) {
    throw new Refused(400, `Chain names ${chain.length} functions, at most ${MAX_CHAIN} are allowed`);
  }
  for (const at of chain) {
    if (typeof at !== 'string' || !/^https?:\/\/[^/?#]/.test(at)) {
      throw new Refused(400, `Chain: ${JSON.stringify(shorten(String(at)))} is not the URL of a function`);
    }
  }
  const fan = core.count(params, 'Fan') || 1;
  if (chain.length % fan) {
    throw new Refused(400, `Chain names ${chain.length} functions, they cannot be divided among a Fan of ${fan}`);
  }
  const t = { params, chain, fan, receives, sha: receives ? String(params.PayloadSHA256).toLowerCase() : '' };
  if (params.StorageTransfer === 'true' || params.StorageTransfer === true) readObjects(core, platform, t, body);
  return t;
}

// readObjects reads the objects that a request's body names.
function readObjects(core, platform, t, body) {
  if (!platform.chain.put) {
    throw new core.Refused(
      400, 'StorageTransfer: this function does not run transfers through storage, ask it without it');
  }
  let asked;
  try {
    asked = JSON.parse(body.length ? new TextDecoder().decode(body) : '{}');
  } catch {
    throw new core.Refused(400, 'StorageTransfer: the body is not a JSON object with Objects');
  }
  t.get = asked.Get;
  t.objects = asked.Objects || [];
  if (t.objects.length !== t.chain.length || (t.receives && !t.get)) {
    throw new core.Refused(
      400, `StorageTransfer: the body names ${t.objects.length} objects for ${t.chain.length} functions`);
  }
}

// run takes the payload in, or makes it, passes it on to the functions below, to all of its own at once, and completes
// the answer when the last of them has answered.
async function run(platform, t, request, size, answer) {
  const now = () => String(platform.now());
  const end = Date.now() + request.leftNs / 1e6 - MARGIN_MS;
  const payload = await take(platform, t, request, size, end);
  Object.assign(answer, {
    TimestampChain: [payload.at],
    PayloadBytes: payload.size,
    PayloadSHA256: payload.sha,
    PayloadAt: payload.at,
    FirstNs: payload.firstNs,
    GetNs: payload.getNs,
  });
  const length = t.chain.length / t.fan; // of each part, whose first function is called
  const calls = [];
  for (let i = 0; i < t.fan && length > 0; i++) {
    const part = {
      ...t,
      chain: t.chain.slice(i * length, (i + 1) * length),
      objects: t.objects && t.objects.slice(i * length, (i + 1) * length),
    };
    calls.push(pass(platform, part, request, payload, end, now));
  }
  const settled = await Promise.allSettled(calls);
  const failed = settled.find((s) => s.status === 'rejected');
  if (failed) throw failed.reason;
  const ways = [];
  for (const { value: [way, below] } of settled) {
    answer.TimestampChain.push(...below.TimestampChain);
    ways.push(way, ...(below.Hops || []));
  }
  if (ways.length) answer.Hops = ways;
  answer.RepliedAt = now();
}

// pass hands the payload to the first function of a part of the tree, and gives its way and the function's answer.
async function pass(platform, t, request, payload, end, now) {
  const [at, ...rest] = t.chain;
  const way = { SentAt: now() };
  let body = payload.data;
  if (t.objects) {
    const begun = platform.now();
    await store(end, at, 'put the payload into the store', () => platform.chain.put(t.objects[0], payload, end));
    way.PutNs = Number(platform.now() - begun);
    body = new TextEncoder().encode(JSON.stringify({ Get: t.objects[0].Get, Objects: t.objects.slice(1) }));
    way.CalledAt = now();
  }
  const headers = {
    'Content-Type': t.objects ? 'application/json' : 'application/octet-stream', // which gateways pass on as it is
    'User-Agent': 'stellar-measure',
  };
  if (request.token) headers['X-Stellar-Token'] = request.token;
  const url = at + (at.includes('?') ? '&' : '?') + query(t, rest, payload);
  let reply;
  try {
    reply = await platform.chain.call(url, headers, body, end);
  } catch (e) {
    throw below(at, Date.now() >= end ? 504 : 502, Date.now() >= end ? 'no answer in time' : e.message);
  }
  way.AnsweredAt = now();
  let said;
  try {
    said = JSON.parse(reply.text);
  } catch {
    said = undefined;
  }
  if (reply.status !== 200 || !said) {
    const status = [PAYLOAD_STATUS, 429, 504].includes(reply.status) ? reply.status : 502;
    throw below(at, status, (said && said.error) || `it answered status ${reply.status}: ${reply.text.slice(0, 40)}`);
  }
  if (said.PayloadSHA256 !== payload.sha || said.PayloadBytes !== payload.size) {
    throw new Failed(
      PAYLOAD_STATUS,
      `the function at ${bare(at)} had a payload of ${said.PayloadBytes} bytes with the SHA-256 ` +
        `${said.PayloadSHA256}; ${payload.size} bytes with ${payload.sha} were sent`
    );
  }
  way.ReceivedAt = t.objects ? said.PayloadAt : said.ReceivedAt;
  if (t.objects) Object.assign(way, { ArrivedAt: said.ReceivedAt, FirstNs: said.FirstNs, GetNs: said.GetNs });
  Object.assign(way, { RepliedAt: said.RepliedAt, Bytes: payload.size, SHA256: payload.sha });
  Object.assign(way, { Instance: said.Instance.ID, Cold: said.Instance.Cold });
  return [way, said];
}

// query is that of the request to the first function of a part of the tree.
function query(t, rest, payload) {
  const q = { PayloadSHA256: payload.sha, PayloadLengthBytes: payload.size };
  if (t.params.IncrementLimit !== undefined) q.IncrementLimit = t.params.IncrementLimit;
  if (rest.length) q.Chain = JSON.stringify(rest);
  if (t.fan > 1) q.Fan = t.fan;
  if (t.objects) q.StorageTransfer = 'true';
  return new URLSearchParams(q).toString();
}

const below = (at, status, reason) => new Failed(status, `function of the chain at ${bare(at)}: ${reason}`);

// take takes in the payload that a function above passes on, or makes one.
async function take(platform, t, request, size, end) {
  const { chain } = platform;
  let p;
  if (!t.receives) {
    p = t.objects ? { size, sha: await chain.shaOfMade(size) } : { size, data: await chain.make(size) };
  } else if (t.get) {
    p = await store(end, t.get, 'get the payload from the store', () =>
      chain.get(t.get, t.chain.length > 0, size, end, platform.now)
    );
    p.get = t.get;
  } else {
    p = { size: request.body.length, data: request.body, at: String(request.received) };
  }
  p.at = p.at || String(platform.now());
  p.sha = p.sha || (await chain.sha256(p.data));
  if (t.receives && (p.size !== size || p.sha !== t.sha)) {
    throw new Failed(
      PAYLOAD_STATUS,
      `the payload has ${p.size} bytes with the SHA-256 ${p.sha}; its producer sent ${size} with ${t.sha.slice(0, 64)}`
    );
  }
  return p;
}

// store does an operation of the store, whose failure leaves the payload behind.
async function store(end, at, what, operation) {
  try {
    return await operation();
  } catch (e) {
    if (Date.now() >= end) throw below(at, 504, 'no answer in time');
    throw new Failed(PAYLOAD_STATUS, `${what}: ${e.message}`);
  }
}

module.exports = { Failed, read, run };
