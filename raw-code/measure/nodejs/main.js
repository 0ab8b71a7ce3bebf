'use strict';

// The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.
//
// A managed runtime calls handler; run as a program it serves HTTP on $PORT. Only Node.js's own modules, and what is not
// needed at every start is loaded where it is used: the cold start should measure the platform.

const fs = require('fs');
const os = require('os');

const MAX_PAYLOAD = 1 << 30; // bytes
// What one step takes on a fast processor with a whole core to itself. It only refuses what is sure to outlast the
// timeout; what a step really takes is measured by calibration.
const NS_PER_INCREMENT = 1;
// Stands in where the platform does not tell its own timeout: no platform lets a request run longer.
const LONGEST_TIMEOUT_NS = 3600e9;
const SEED = 88172645463325252n; // Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves
const MAX_CMDS = 1 << 20; // how much of a body that may ask for micro-tests is looked at

const TOKEN_SHA256 = (process.env.STELLAR_TOKEN_SHA256 || '').toLowerCase();

// Refused is a request that is answered with a status and a reason.
class Refused extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

// The wall clock has whole milliseconds only: the monotonic clock carries it on, and is set anew where the two part.
let anchor = 0n;
function nowNs() {
  const clock = process.hrtime.bigint();
  const wall = BigInt(Date.now()) * 1000000n;
  const off = anchor + clock - wall;
  if (off < 0n || off >= 1000000n) anchor = (off < 0n ? wall : wall + 999999n) - clock;
  return anchor + clock;
}

// processStart estimates when the process began, Unix ns. Node.js notes an instant soon after it; the kernel tells the
// start in clock ticks of 10 ms, counted from a boot that /proc/uptime gives as exactly. Together they bound the error.
function processStart() {
  const guess = BigInt(Math.round(performance.timeOrigin * 1000)) * 1000n;
  try {
    const stat = fs.readFileSync('/proc/self/stat', 'latin1');
    // The second field is the program's name in parentheses and may hold anything: count from its end.
    const ticks = stat.slice(stat.lastIndexOf(')') + 1).trim().split(' ')[19]; // starttime, field 22 (proc(5))
    const uptime = fs.readFileSync('/proc/uptime', 'latin1').split(' ')[0];
    const tick = 10000000n;
    const age = BigInt(uptime.replace('.', '')) * tick - BigInt(ticks) * tick;
    const about = nowNs() - age;
    if (guess < about - tick) return about - tick;
    if (guess > about + tick) return about + tick;
  } catch {
    // A system without these files: the guess stands.
  }
  return guess;
}

// cpuModel is the first processor's name. Only the first page is read: the file is made anew for each reader.
function cpuModel() {
  try {
    const file = fs.openSync('/proc/cpuinfo', 'r');
    const page = Buffer.alloc(4096);
    const n = fs.readSync(file, page);
    fs.closeSync(file);
    for (const line of page.toString('utf8', 0, n).split('\n')) {
      const at = line.indexOf(':');
      if (at > 0 && line.slice(0, at).trim() === 'model name') return line.slice(at + 1).trim();
    }
  } catch {
    // Not told on this system.
  }
  return '';
}

const started = processStart();
const fixed = {
  StartedAt: String(started),
  Runtime: `nodejs${process.versions.node}`,
  MemoryMB: Number.parseInt(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '0', 10) || 0,
  CPU: `${os.availableParallelism ? os.availableParallelism() : os.cpus().length},${cpuModel()}`,
  Host: os.hostname(),
};
let id = ''; // drawn at the first request, so that copies restored from one snapshot differ
let invocations = 0;
let initNs = 0;

function ready() {
  initNs = Number(nowNs() - started);
}

function randomId() {
  return require('crypto').randomBytes(16).toString('hex');
}

// claim is called when a request arrives. JavaScript runs it whole, so that one of several concurrent requests is cold.
function claim() {
  invocations++;
  id = id || randomId();
  return { ID: id, Cold: invocations === 1, Invocation: invocations, InitNs: initNs, ...fixed };
}

// admit compares hashes, of equal length whatever was sent and in constant time.
function admit(token) {
  if (!TOKEN_SHA256) return;
  const { createHash, timingSafeEqual } = require('crypto');
  const sent = Buffer.from(createHash('sha256').update(token || '', 'utf8').digest('hex'));
  const want = Buffer.from(TOKEN_SHA256);
  if (sent.length !== want.length || !timingSafeEqual(sent, want)) {
    throw new Refused(401, "this function wants the run's token in the header X-Stellar-Token");
  }
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

// refuseUnready names what the protocol has and this function does not run.
function refuseUnready(params, cmds) {
  const get = (name) => (has(params, name) ? params[name] : undefined);
  const empty = (v) => v == null || v === '' || v === '[]' || v === 'null' || (Array.isArray(v) && v.length === 0);
  for (const name of ['DataTransferChainIDs', 'Chain']) {
    // Clients send an empty chain with every request.
    if (!empty(get(name))) throw new Refused(400, `${name}: this function does not run chains, ask it without ${name}`);
  }
  for (const name of ['PutURL', 'GetURL']) {
    if (get(name)) {
      throw new Refused(400, `${name}: this function does not run transfers through storage, ask it without ${name}`);
    }
  }
  if (get('StorageTransfer') === 'true' || get('StorageTransfer') === true) {
    throw new Refused(400, 'StorageTransfer: this function does not run transfers through storage, ask it without it');
  }
  if (cmds || has(params, 'cmds')) {
    throw new Refused(400, 'cmds: this function does not run micro-tests, ask it without cmds');
  }
}

function readParams(params, cmds, leftNs) {
  refuseUnready(params, cmds);
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

// spin steps n times through xorshift64 with the shifts 13, 7, 17; one step is one increment. The 64 bits are two numbers
// of 32, which the engine keeps in registers. It gives the upper 53 bits: exact in readers that know only floating point.
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

// makePayload makes n bytes that do not compress, the same ones each time.
function makePayload(n) {
  if (n === 0) return 0;
  const { createCipheriv } = require('crypto');
  const cipher = createCipheriv('aes-128-ctr', Buffer.from('stellar\0payload\0'), Buffer.alloc(16));
  const parts = [];
  for (let left = n; left > 0; left -= 1 << 26) parts.push(cipher.update(Buffer.alloc(Math.min(left, 1 << 26))));
  return parts.reduce((sum, part) => sum + part.length, 0);
}

// hasCmds tells whether a body is a JSON object that asks for micro-tests. Any other body is a payload.
function hasCmds(body) {
  if (body[0] !== 0x7b) return false;
  try {
    return has(JSON.parse(body.toString('utf8')), 'cmds');
  } catch {
    return false;
  }
}

// answer does the work of one request and gives the response's status and JSON text.
function answer(instance, received, requestId, token, params, cmds, leftNs) {
  try {
    admit(token);
    const { increments, payload } = readParams(params, cmds, leftNs);
    const begun = process.hrtime.bigint();
    const sink = spin(increments);
    const spinNs = Number(process.hrtime.bigint() - begun);
    const made = makePayload(payload);
    const text = {
      RequestID: requestId || randomId(),
      TimestampChain: [String(nowNs())],
      Instance: instance,
      ReceivedAt: String(received),
      SpinNs: spinNs,
      Increments: increments,
      Sink: sink,
    };
    if (made) text.PayloadBytes = made;
    return [200, JSON.stringify(text)];
  } catch (e) {
    if (!(e instanceof Refused)) throw e;
    return [e.status, JSON.stringify({ error: e.message })];
  }
}

function bodyOf(event) {
  const body = typeof event.body === 'string' ? event.body : '';
  return Buffer.from(body, event.isBase64Encoded ? 'base64' : 'utf8'); // what is not base64 asks for nothing
}

// handler answers an HTTP API event (version 2.0; 1.0 has the same fields), or a direct invocation, whose own members are
// the parameters, X-Stellar-Token among them.
exports.handler = async (event, context) => {
  const received = nowNs();
  const instance = claim();
  let params = event !== null && typeof event === 'object' && !Array.isArray(event) ? event : {};
  let token = params['X-Stellar-Token'];
  let cmds = false;
  if (params.requestContext != null) {
    const { headers, queryStringParameters } = params;
    token = undefined;
    for (const [name, value] of Object.entries(headers || {})) {
      if (name.toLowerCase() === 'x-stellar-token') token = value;
    }
    cmds = hasCmds(bodyOf(params));
    params = queryStringParameters || {};
  }
  const left = context && context.getRemainingTimeInMillis ? context.getRemainingTimeInMillis() * 1e6 : LONGEST_TIMEOUT_NS;
  const [status, body] = answer(
    instance, received, context && context.awsRequestId, typeof token === 'string' ? token : '', params, cmds, left
  );
  return { statusCode: status, headers: { 'Content-Type': 'application/json' }, body };
};

// readFiller reads the package's padding once, so that platforms which load packages lazily have to bring all of it.
function readFiller(root) {
  const buffer = Buffer.alloc(1 << 20);
  for (const name of fs.readdirSync(root)) {
    if (!name.startsWith('stellar-filler') || !name.endsWith('.bin')) continue;
    try {
      const file = fs.openSync(`${root}/${name}`, 'r');
      while (fs.readSync(file, buffer) > 0);
      fs.closeSync(file);
    } catch (e) {
      throw new Error(`reading the filler ${name}: ${e.message}`);
    }
  }
}

// httpRequestId is the platform's name for the request. Anyone may send such a header: a long one is not taken.
function httpRequestId(headers) {
  for (const name of ['x-request-id', 'x-cloud-trace-context', 'cf-ray']) {
    if (headers[name] && headers[name].length <= 256) return headers[name];
  }
  return '';
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

// serveHTTP answers on the port until the process is ended.
function serveHTTP(port) {
  const seconds = Number(process.env.STELLAR_TIMEOUT_SECONDS || '3600');
  const timeoutNs = Number.isFinite(seconds) ? seconds * 1e9 : LONGEST_TIMEOUT_NS;
  const server = require('http').createServer((request, response) => {
    const instance = claim();
    const kept = []; // only of a body that may ask for micro-tests
    let length = 0;
    let maybe = true;
    request.on('data', (part) => {
      if (length === 0) maybe = part[0] === 0x7b;
      if (maybe && length < MAX_CMDS) kept.push(part);
      length += part.length;
    });
    request.on('end', () => {
      const received = nowNs(); // the whole request is in
      const [status, body] = answer(
        instance, received, httpRequestId(request.headers), request.headers['x-stellar-token'], queryOf(request.url),
        hasCmds(Buffer.concat(kept)), timeoutNs
      );
      response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
      response.end(body);
    });
    request.on('error', () => response.destroy());
  });
  server.keepAliveTimeout = 0; // the platform closes connections, not the function
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  server.listen({ port, backlog: 1024 }, ready); // a burst arrives at once
}

if (process.env.STELLAR_FILLER_READ === '1') readFiller(process.env.LAMBDA_TASK_ROOT || __dirname);
ready(); // a managed runtime asks for its first event as soon as this module is in

if (require.main === module) {
  if (!/^[0-9]+$/.test(process.env.PORT || '')) {
    console.error('measure: PORT is not set: nothing to serve (a Lambda runtime calls main.handler)');
    process.exitCode = 1;
  } else {
    serveHTTP(Number(process.env.PORT));
  }
}
