'use strict';

// The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.
//
// A managed runtime calls handler; run as a program it serves HTTP on $PORT. Only Node.js's own modules, and what is
// not needed at every start is loaded where it is used: the cold start should measure the platform.

const fs = require('fs');
const os = require('os');
const core = require('./core.cjs');

const tokenHash = (process.env.STELLAR_TOKEN_SHA256 || '').toLowerCase();

// The wall clock has whole milliseconds only: the monotonic clock carries it on from the exact instant that Node.js
// notes of its start, and is set anew where the two part.
const sinceStart = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
let anchor = sinceStart - process.hrtime.bigint();
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
    // A system without these files: the estimate is used.
  }
  return guess;
}

// cpuModel is the first processor's name. Only the first page is read: the kernel makes the file again for each reader.
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
    // Not reported on this system.
  }
  return '';
}

let started = processStart();
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

function sha256(text) {
  return require('crypto').createHash('sha256').update(text, 'utf8').digest('hex');
}

// makePayload makes n bytes that do not compress, the same ones each time, and gives their number.
function makePayload(n) {
  let length = 0;
  for (const part of require('./network.cjs').made(n)) length += part.length;
  return length;
}

// transfer loads what a chain needs.
function transfer() {
  const { read, run } = require('./transfer.cjs');
  return { read, run, platform: { now: nowNs, chain: require('./network.cjs') } };
}

const platform = {
  now: nowNs,
  elapsed: () => process.hrtime.bigint(),
  randomId,
  makePayload,
  cmds: () => require('./cmds.cjs'),
  transfer,
};

// answer asks the core; the token is hashed only where one is wanted.
function answer(instance, received, id, token, params, body, leftNs) {
  const hash = tokenHash && sha256(token);
  return core.answer(platform, { instance, received, id, hash, token, tokenHash, params, body, leftNs });
}

// bodyOf is an event's body in bytes, as adapters have it; base64 that is none decodes to nothing.
function bodyOf(event) {
  const { body } = event;
  return typeof body === 'string' ? Buffer.from(body, event.isBase64Encoded ? 'base64' : 'utf8') : body;
}

// handler answers an HTTP API event (version 2.0; 1.0 has the same fields), or a direct invocation, whose own members
// are the parameters, X-Stellar-Token among them.
exports.handler = async (event, context) => {
  const received = nowNs();
  const instance = claim();
  let params = event !== null && typeof event === 'object' && !Array.isArray(event) ? event : {};
  let token = params['X-Stellar-Token'];
  let body;
  if (params.requestContext != null) {
    const { headers, queryStringParameters } = params;
    token = undefined;
    for (const [name, value] of Object.entries(headers || {})) {
      if (name.toLowerCase() === 'x-stellar-token') token = value;
    }
    body = bodyOf(params);
    params = queryStringParameters || {};
  }
  const left = context && context.getRemainingTimeInMillis
    ? context.getRemainingTimeInMillis() * 1e6 : core.LONGEST_TIMEOUT_NS;
  const [status, text] = await answer(
    instance, received, context && context.awsRequestId, typeof token === 'string' ? token : '', params,
    body || Buffer.alloc(0), left
  );
  return { statusCode: status, headers: { 'Content-Type': 'application/json' }, body: text };
};

// startedAt is for platforms whose processes run before a function is given to them: their adapters say when it was.
exports.startedAt = (ns) => {
  started = ns;
  fixed.StartedAt = String(ns);
  ready();
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

// serveHTTP answers on the port until the process is ended.
function serveHTTP(port) {
  const timeoutNs = core.timeoutNs(process.env.STELLAR_TIMEOUT_SECONDS);
  const server = require('http').createServer((request, response) => {
    const instance = claim();
    const params = core.queryOf(request.url);
    const payload = 'PayloadSHA256' in params;
    const kept = []; // of a payload, or of a body that may ask for something
    let length = 0;
    let maybe = true;
    request.on('data', (part) => {
      if (length === 0) maybe = part[0] === 0x7b;
      if (payload || (maybe && length < core.MAX_CMDS)) kept.push(part);
      length += part.length;
    });
    request.on('end', async () => {
      const received = nowNs(); // the whole request is in
      const { headers } = request;
      const [status, body] = await answer(
        instance, received, core.requestId((name) => headers[name]), headers['x-stellar-token'] || '', params,
        Buffer.concat(kept), timeoutNs
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
