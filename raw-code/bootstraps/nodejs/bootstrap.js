'use strict';

// Run a Node.js handler for the local platform: ask the Runtime API for an event, call the handler, answer.
//
//     node <this file> <module.function> [isolated]
//
// Behaves as AWS's own runtime does: CommonJS and ES modules, async handlers, callbacks of handlers that declare three
// parameters, handlers that stream their response (awslambda.streamifyResponse). A handler that returns a plain value
// is answered with it.

const fs = require('fs');
const http = require('http');
const Module = require('module');
const path = require('path');
const { Writable } = require('stream');
const { finished } = require('stream/promises');

const BASE = '/2018-06-01/runtime/';

// Gone says that the Runtime API does not answer any more.
class Gone extends Error {}

// InitError says that the handler cannot be loaded; kind is AWS's name for the reason.
class InitError extends Error {
  constructor(kind, message, cause) {
    super(message);
    this.kind = kind;
    this.cause = cause;
  }
}

const { AWS_LAMBDA_RUNTIME_API: address = '', LAMBDA_TASK_ROOT: root = process.cwd() } = process.env;
const at = address.lastIndexOf(':');
const agent = new http.Agent({ keepAlive: true });
const inFlight = new Set(); // ids of the invocations that the handler has

function request(method, url, body, headers) {
  return new Promise((resolve, reject) => {
    const gone = (error) => reject(new Gone(`the Runtime API at ${address} is gone: ${error.message}`));
    const [host, port] = [address.slice(0, at), address.slice(at + 1)];
    const options = { host, port, method, path: BASE + url, agent, headers: { ...headers } };
    if (body !== undefined) options.headers['Content-Length'] = Buffer.byteLength(body);
    const req = http.request(options, (res) => {
      const parts = [];
      res.on('data', (part) => parts.push(part));
      res.on('error', gone);
      res.on('end', () => {
        resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts).toString('utf8') });
      });
    });
    req.setNoDelay(true);
    req.on('error', gone);
    req.end(body);
  });
}

// contextOf is the handler's information about its invocation, with AWS's names.
function contextOf(headers) {
  const { env } = process;
  const deadline = Number(headers['lambda-runtime-deadline-ms'] || 0);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME || '',
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION || '$LATEST',
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '',
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME || '',
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME || '',
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'] || '',
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
  };
}

// moduleFile finds the file of a module: as it is named, or with one of the endings that Node.js knows.
function moduleFile(name) {
  const base = path.resolve(root, name);
  const indexes = [path.join(base, 'index.js'), path.join(base, 'index.mjs')];
  for (const file of [base, `${base}.js`, `${base}.mjs`, `${base}.cjs`, ...indexes]) {
    if (fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  throw new InitError('Runtime.ImportModuleError', `Error: Cannot find module '${name}'`);
}

// isolate lets require find what is in the package, or where the function's own NODE_PATH says, and nothing that
// happens to be installed on this machine: in a folder above, for all users, or for this one.
function isolate() {
  const { delimiter, sep } = path;
  const folders = [root, fs.realpathSync(root), ...(process.env.NODE_PATH || '').split(delimiter)];
  const allowed = folders.filter(Boolean).map((p) => path.resolve(p));
  const lookup = Module._resolveLookupPaths;
  Module._resolveLookupPaths = (...args) => {
    const found = lookup(...args);
    const within = (p) => allowed.some((a) => p === a || p.startsWith(a + sep));
    return found && found.filter((p) => within(path.resolve(p)));
  };
}

async function importModule(file) {
  if (file.endsWith('.mjs')) return import(require('url').pathToFileURL(file).href);
  try {
    return require(file);
  } catch (e) {
    if (e.code !== 'ERR_REQUIRE_ESM' && e.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw e;
    return import(require('url').pathToFileURL(file).href);
  }
}

// load finds the handler: module.function, where the module may be a path and the function may lie in an object.
async function load(handler) {
  const slash = handler.lastIndexOf('/') + 1;
  const dot = handler.indexOf('.', slash);
  if (dot <= slash || dot === handler.length - 1) {
    throw new InitError('Runtime.MalformedHandlerName', `Bad handler '${handler}': it must be module.function`);
  }
  const name = handler.slice(0, dot);
  const file = moduleFile(name);
  let found;
  try {
    found = await importModule(file);
  } catch (e) {
    if (e instanceof SyntaxError) throw new InitError('Runtime.UserCodeSyntaxError', `SyntaxError: ${e.message}`, e);
    if (e && e.code === 'MODULE_NOT_FOUND') throw new InitError('Runtime.ImportModuleError', `Error: ${e.message}`, e);
    throw e;
  }
  for (const key of handler.slice(dot + 1).split('.')) {
    found = found == null ? undefined : found[key] ?? (found.default ? found.default[key] : undefined);
  }
  if (typeof found !== 'function') {
    throw new InitError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  return found;
}

// describe returns AWS's JSON form of a thrown value.
function describe(thrown) {
  const origin = thrown instanceof InitError && thrown.cause ? thrown.cause : thrown;
  const isError = thrown instanceof Error;
  return {
    errorType: thrown instanceof InitError ? thrown.kind : isError ? thrown.name : typeof thrown,
    errorMessage: isError ? thrown.message : String(thrown),
    trace: origin instanceof Error && origin.stack
      ? origin.stack.split('\n').filter((line) => !line.includes(__filename)) : [],
  };
}

function postError(url, description) {
  const { errorType, errorMessage, trace } = description;
  process.stderr.write(`[ERROR] ${errorType}: ${errorMessage}\n${trace.join('\n')}\n`);
  return request('POST', url, JSON.stringify(description), {
    'Content-Type': 'application/json',
    'Lambda-Runtime-Function-Error-Type': description.errorType.replace(/[^\w.-]/g, ''), // only what a header may hold
  });
}

// call returns the handler's answer, in each of the ways that a handler can give it.
function call(handler, event, context) {
  if (handler.length < 3) return handler(event, context);
  return new Promise((resolve, reject) => {
    const result = handler(event, context, (error, value) => (error ? reject(error) : resolve(value)));
    if (result && typeof result.then === 'function') result.then(resolve, reject);
  });
}

async function invoke(handler, text, headers) {
  let event;
  try {
    event = JSON.parse(text);
  } catch (e) {
    const errorMessage = `Unable to unmarshal input: ${e.message}`;
    return { error: { errorType: 'Runtime.UnmarshalError', errorMessage, trace: [] } };
  }
  let value;
  try {
    value = await call(handler, event, contextOf(headers));
  } catch (e) {
    return { error: describe(e) };
  }
  try {
    return { answer: JSON.stringify(value) ?? 'null' };
  } catch (e) {
    const errorMessage = `Unable to stringify response: ${e.message}`;
    return { error: { errorType: 'Runtime.MarshalError', errorMessage, trace: [] } };
  }
}

const STREAMING = Symbol('streaming');
const HTTP_RESPONSE = 'application/vnd.awslambda.http-integration-response';

// awslambda is what AWS's own runtime gives to handlers that stream their response.
const awslambda = {
  streamifyResponse: (handler) => Object.assign(handler, { [STREAMING]: true }),
  HttpResponseStream: {
    // from makes a stream whose status, headers and cookies are those of the prelude.
    from(stream, prelude) {
      stream.setContentType(HTTP_RESPONSE);
      stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]);
      return stream;
    },
  },
};

// ResponseStream is a response that goes to the Runtime API while it is written.
class ResponseStream extends Writable {
  constructor(id) {
    super();
    this.id = id;
    this.contentType = 'application/octet-stream';
  }

  setContentType(contentType) {
    this.contentType = contentType;
  }

  start() {
    if (this.req) return;
    const [host, port] = [address.slice(0, at), address.slice(at + 1)];
    const headers = {
      'Content-Type': this.contentType, 'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
    };
    this.req = http.request(
      { host, port, method: 'POST', path: `${BASE}invocation/${this.id}/response`, agent, headers });
    this.req.setNoDelay(true);
    this.answered = new Promise((resolve, reject) => {
      this.req.on('response', (res) => res.on('end', resolve).resume());
      this.req.on('error', (error) => reject(new Gone(`the Runtime API at ${address} is gone: ${error.message}`)));
    });
    this.answered.catch(() => this.destroy());
    if (this.prelude) this.req.write(this.prelude);
  }

  _write(chunk, encoding, done) {
    this.start();
    this.req.write(chunk, done);
  }

  _final(done) {
    this.start();
    this.req.end(done);
  }

  // fail ends a response that has begun with the reason why it is not complete.
  fail(description) {
    this.start();
    this.req.addTrailers({
      'Lambda-Runtime-Function-Error-Type': description.errorType.replace(/[^\w.-]/g, ''),
      'Lambda-Runtime-Function-Error-Body': Buffer.from(JSON.stringify(description)).toString('base64'),
    });
    this.req.end();
  }
}

// stream lets a handler write its response; it reports an error that came before the first byte as any other.
async function stream(handler, id, text, headers) {
  const out = new ResponseStream(id);
  try {
    await handler(JSON.parse(text), out, contextOf(headers));
    await finished(out);
  } catch (e) {
    const description = describe(e);
    if (!out.req) {
      await postError(`invocation/${id}/error`, description);
      return;
    }
    out.fail(description);
  }
  await out.answered;
}

// serve answers events until the Runtime API goes away.
async function serve(handler) {
  for (;;) {
    const { status, headers, body } = await request('GET', 'invocation/next');
    if (status !== 200) throw new Gone(`invocation/next answered ${status}: ${body.slice(0, 200)}`);
    const id = headers['lambda-runtime-aws-request-id'];
    if (headers['lambda-runtime-trace-id']) process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    inFlight.add(id);
    if (handler[STREAMING]) {
      await stream(handler, id, body, headers);
      inFlight.delete(id);
      continue;
    }
    const { answer, error } = await invoke(handler, body, headers);
    inFlight.delete(id);
    if (error) {
      await postError(`invocation/${id}/error`, error);
      continue;
    }
    const said = await request('POST', `invocation/${id}/response`, answer, { 'Content-Type': 'application/json' });
    if (said.status !== 202) {
      // Too long, or too late: the platform has handled it, and the next event is not affected.
      process.stderr.write(`response to ${id} answered ${said.status}: ${said.body.slice(0, 200)}\n`);
    }
  }
}

// fatal ends the process after an uncaught error; its current invocations get the reason.
function fatal(kind) {
  return async (thrown) => {
    const description = describe(thrown);
    if (kind) {
      description.errorMessage = `${description.errorType}: ${description.errorMessage}`;
      description.errorType = kind;
    }
    try {
      for (const id of inFlight) await postError(`invocation/${id}/error`, description);
      if (inFlight.size === 0) process.stderr.write(`${thrown && thrown.stack ? thrown.stack : thrown}\n`);
    } finally {
      process.exit(1);
    }
  };
}

async function main() {
  const handler = process.argv[2] || process.env._HANDLER || '';
  if (!address || !handler) {
    process.stderr.write('node bootstrap: AWS_LAMBDA_RUNTIME_API and a handler (argument or _HANDLER) are needed\n');
    process.exit(1);
  }
  const isolated = process.argv[3] === 'isolated'; // from a machine that has more than the cloud's runtime
  process.argv.splice(1, 3, path.join(root, handler));
  process.on('uncaughtException', fatal(''));
  process.on('unhandledRejection', fatal('Runtime.UnhandledPromiseRejection'));
  if (isolated) isolate();
  globalThis.awslambda = awslambda;
  let loaded;
  try {
    loaded = await load(handler);
  } catch (e) {
    await postError('init/error', describe(e));
    process.exit(1);
  }
  const loops = Math.max(Number.parseInt(process.env.AWS_LAMBDA_MAX_CONCURRENCY || '1', 10) || 1, 1);
  await Promise.all(Array.from({ length: loops }, () => serve(loaded)));
}

main().catch((e) => {
  process.stderr.write(`${e.message}\n`);
  process.exit(1);
});
