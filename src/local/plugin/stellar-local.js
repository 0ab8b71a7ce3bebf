'use strict';

// Serverless Framework provider plugin for the local platform of stellar: `provider: { name: stellar-local }`.
//
//   serverless deploy | info | remove | logs -f <function> [--tail] | invoke -f <function>
//
// It finds the platform through STELLAR_LOCAL_URL and STELLAR_LOCAL_TOKEN, else through the file that
// `stellar local start` leaves, and talks to nothing else. Functions that name no artifact are packaged by the
// framework, without the plugin's own files.
// Beside serverless.yml it keeps .stellar-endpoints.json, the machine-readable form of what it prints.

const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const { invoke, logs } = require('./stellar-local-functions.js');

const PROVIDER = 'stellar-local';
const ENDPOINTS_FILE = '.stellar-endpoints.json';
// A deploy answers when all packages are unpacked and checked, which takes its time for large ones.
const ANSWER_TIMEOUT_MS = 15 * 60 * 1000;

const environment = {
  type: 'object',
  patternProperties: { '^[A-Za-z_][A-Za-z0-9_]*$': { type: 'string' } },
  additionalProperties: false,
};
const tags = { type: 'object', additionalProperties: { type: 'string' } };
const platform = {
  type: 'object',
  properties: {
    keepAliveSeconds: { type: 'number', minimum: 0 },
    keepAliveDistribution: { enum: ['fixed', 'exponential'] },
    keepAliveSeed: { type: 'integer', minimum: 0 },
    concurrency: { type: 'integer', minimum: 1 },
    maxInstances: { type: 'integer', minimum: 0 },
    queueing: { enum: ['spawn', 'queue', 'shared'] },
    imageContract: { enum: ['runtime-api', 'http'] },
    coldPull: { type: 'boolean' },
  },
  additionalProperties: false,
};
const common = {
  runtime: { type: 'string', minLength: 1 },
  memorySize: { type: 'integer', minimum: 1 },
  timeout: { type: 'integer', minimum: 1 },
  environment,
  tags,
  platform,
};
const url = {
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      properties: { authorizer: { enum: ['aws_iam'] }, invokeMode: { enum: ['BUFFERED', 'RESPONSE_STREAM'] } },
      additionalProperties: false,
    },
  ],
};
const httpApi = {
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      properties: { method: { type: 'string' }, path: { type: 'string', pattern: '^/\\S*$' } },
      required: ['path'],
      additionalProperties: false,
    },
  ],
};

class StellarLocal {
  static getProviderName() {
    return PROVIDER;
  }

  constructor(serverless, options, { log } = {}) {
    this.serverless = serverless;
    this.options = options;
    this.log = log;
    this.provider = this; // the plugin manager leaves out a plugin whose provider is not the service's
    serverless.setProvider(PROVIDER, this);
    serverless.configSchemaHandler.defineProvider(PROVIDER, {
      provider: { properties: { ...common } },
      function: {
        properties: {
          ...common,
          architecture: { enum: ['amd64', 'arm64', 'x86_64'] },
          handler: { type: 'string', minLength: 1 },
          image: { type: 'string', minLength: 1 },
          package: {
            type: 'object',
            properties: {
              artifact: { type: 'string', minLength: 1 },
              individually: { type: 'boolean' },
              patterns: { type: 'array', items: { type: 'string' } },
            },
            additionalProperties: false,
          },
          url,
        },
      },
      functionEvents: { httpApi },
    });
    this.hooks = {
      'initialize': () => {
        this.checkFunctions();
        this.preparePackaging();
      },
      'deploy:deploy': () => this.deploy(),
      'info:info': () => this.info(),
      'remove:remove': () => this.remove(),
      'logs:logs': () => logs(this),
      'invoke:invoke': () => invoke(this),
    };
  }

  checkFunctions() {
    for (const [name, fn] of Object.entries(this.serverless.service.functions)) {
      if (!fn.handler && !fn.image) {
        throw this.error(`function "${name}" has neither a handler nor an image`, 'NO_HANDLER');
      }
      if (fn.handler && fn.image) {
        throw this.error(`function "${name}" has a handler and an image: leave one of them out`, 'TWO_CODES');
      }
    }
  }

  // A service whose package path is set counts as packaged: where all code is there already, nothing is archived. Else
  // the framework archives the service's folder, which may hold what is for the deployment alone.
  preparePackaging() {
    const { service, serviceDir } = this.serverless;
    const packed = (fn) => fn.image || (fn.package && fn.package.artifact);
    if ((service.package && service.package.artifact) || Object.values(service.functions).every(packed)) {
      service.package = { ...service.package, path: serviceDir };
      return;
    }
    const own = [__filename, require.resolve('./stellar-local-functions.js'), this.endpointsFile]
      .map((file) => path.relative(serviceDir, file).split(path.sep).join('/'))
      .filter((file) => !file.startsWith('../'))
      .map((file) => `!${file}`);
    service.package = { ...service.package, patterns: [...((service.package || {}).patterns || []), ...own] };
  }

  get servicePath() {
    return `/v1/services/${encodeURIComponent(this.serverless.service.service)}`;
  }

  async deploy() {
    const { service } = this.serverless;
    const functions = Object.entries(service.functions).map(([name, fn]) => this.functionSpec(name, fn));
    if (!functions.length) {
      throw this.error('serverless.yml has no functions: there is nothing to deploy', 'NO_FUNCTIONS');
    }
    const answer = await this.call('PUT', this.servicePath, { tags: service.provider.tags || {}, functions });
    this.say(`Service ${service.service} deployed to the local platform`);
    this.show(answer);
  }

  async info() {
    const answer = await this.call('GET', this.servicePath, undefined, [404]);
    if (answer === null) {
      throw this.error(
        `Service "${this.serverless.service.service}" is not deployed on the local platform: run "serverless deploy"`,
        'NOT_DEPLOYED'
      );
    }
    this.show(answer);
  }

  async remove() {
    const name = this.serverless.service.service;
    const answer = await this.call('DELETE', this.servicePath, undefined, [404]);
    fs.rmSync(this.endpointsFile, { force: true });
    this.say(answer === null ? `Service ${name} is not there: nothing to remove` : `Service ${name} has been removed`);
  }

  // functionSpec is a function of serverless.yml in the form of the control API.
  functionSpec(name, fn) {
    const { provider } = this.serverless.service;
    return {
      name,
      ...this.route(name, fn),
      ...this.code(name, fn),
      architecture: fn.architecture,
      memoryMB: fn.memorySize || provider.memorySize || 128,
      timeoutSeconds: fn.timeout || provider.timeout || 60,
      environment: { ...provider.environment, ...fn.environment },
      ...this.artifact(name, fn),
      functionURL: fn.url
        ? { authType: fn.url.authorizer ? 'AWS_IAM' : 'NONE', invokeMode: fn.url.invokeMode || 'BUFFERED' } : undefined,
      keepAliveSeconds: 600,
      concurrency: 1,
      maxInstances: 0,
      queueing: 'spawn',
      ...provider.platform,
      ...fn.platform,
      tags: { ...provider.tags, ...fn.tags },
    };
  }

  // code says what runs: an image, or a handler of a runtime.
  code(name, fn) {
    if (fn.image) return { packageType: 'Image', image: fn.image };
    const runtime = fn.runtime || this.serverless.service.provider.runtime;
    if (!runtime) throw this.error(`function "${name}" has no runtime, and provider.runtime is not set`, 'NO_RUNTIME');
    return { runtime, handler: fn.handler };
  }

  artifact(name, fn) {
    if (fn.image) return {};
    const { package: servicePackage } = this.serverless.service;
    const artifact = (fn.package && fn.package.artifact) || servicePackage.artifact;
    if (!artifact) {
      throw this.error(
        `function "${name}" has no package: leave package.path out, or name the zip file in package.artifact`,
        'NO_ARTIFACT');
    }
    return { artifact: path.resolve(this.serverless.serviceDir, artifact) };
  }

  // route reads the function's one httpApi event: "*", "GET /path" or { method, path }; without one it is /<name>.
  route(name, fn) {
    const events = (fn.events || []).map((event) => event.httpApi);
    if (events.length > 1) {
      throw this.error(
        `function "${name}" has ${events.length} events: the local platform gives one route to each`, 'ROUTES');
    }
    const event = events.length ? events[0] : '*';
    if (typeof event === 'object') return { path: event.path, method: anyMethod(event.method) };
    if (event === '*') return { path: `/${name}`, method: 'ANY' };
    const [method, route, rest] = event.split(/\s+/);
    if (!route || rest !== undefined || !route.startsWith('/')) {
      throw this.error(`function "${name}": httpApi is "${event}", it must be "*" or "METHOD /path"`, 'ROUTES');
    }
    return { path: route, method: anyMethod(method) };
  }

  // show prints a service as the framework prints one, and writes the endpoints file.
  show(answer) {
    const functions = inOrder(answer.functions, Object.keys(this.serverless.service.functions));
    const methods = new Map(
      Object.entries(this.serverless.service.functions).map(([name, fn]) => [name, this.route(name, fn).method])
    );
    const lines = ['endpoints:', ...functions.map((f) => `  ${methods.get(f.name) || 'ANY'} - ${f.url}`)];
    lines.push(...functions.filter((f) => f.functionURL).map((f) => `  URL - ${f.functionURL}`));
    const packed = (f) => (f.image ? `image, ${size(f.imageBytes)}` : size(f.packageBytes));
    lines.push('functions:', ...functions.map((f) => `  ${f.name}: ${answer.service}-${f.name} (${packed(f)})`));
    process.stdout.write(`${lines.join('\n')}\n`);
    const endpoints = functions.map((f) => ({
      function: f.name,
      url: f.url,
      functionURL: f.functionURL,
      lambdaName: f.lambdaName,
      packageBytes: f.packageBytes,
      image: f.image,
      imageBytes: f.imageBytes,
      packageSHA256: f.packageSHA256,
      runtimeVersion: f.runtimeVersion,
      limitsEnforced: f.limitsEnforced,
    }));
    const partial = `${this.endpointsFile}.${process.pid}`;
    fs.writeFileSync(partial, `${JSON.stringify({ service: answer.service, endpoints }, null, 2)}\n`);
    fs.renameSync(partial, this.endpointsFile); // a reader sees all of it or the old one
  }

  get endpointsFile() {
    return path.join(this.serverless.serviceDir, ENDPOINTS_FILE);
  }

  say(text) {
    if (this.log && this.log.notice) this.log.notice(text);
    else process.stderr.write(`${text}\n`);
  }

  error(message, code) {
    return new this.serverless.classes.Error(message, `STELLAR_LOCAL_${code}`);
  }

  refused(method, url, status, body) {
    let said = body.trim().slice(0, 2000) || 'no message';
    try {
      said = JSON.parse(body).error || said;
    } catch {
      // Not of the contract's form: shown as it is.
    }
    return this.error(`The local platform refused ${method} ${url} (${status}): ${said}`, 'REFUSED');
  }

  // call sends JSON and gives the JSON of the answer, or null where the status is one of nothing.
  async call(method, url, value, nothing = []) {
    const { status, body } = await this.request(method, url, value === undefined ? undefined : JSON.stringify(value));
    if (nothing.includes(status)) return null;
    if (status < 200 || status > 299) throw this.refused(method, url, status, body);
    if (method === 'DELETE') return {};
    try {
      const answer = JSON.parse(body);
      if (answer && Array.isArray(answer.functions)) return answer;
    } catch {
      // Told below.
    }
    throw this.error(
      `The local platform's answer to ${method} ${url} is not a service: ${body.slice(0, 200)}`, 'BAD_ANSWER');
  }

  request(method, url, body, more = {}) {
    const { base, token, from } = this.address();
    return new Promise((resolve, reject) => {
      const headers = { Authorization: `Bearer ${token}`, ...more };
      if (body !== undefined) {
        headers['Content-Type'] = 'application/json';
        headers['Content-Length'] = Buffer.byteLength(body);
      }
      const fail = (error) =>
        reject(
          this.error(
            `No local platform answers at ${base} (${from}): ${error.message || error.code}. ` +
              'Start one with "stellar local start".',
            'NOT_RUNNING'
          )
        );
      const options = { method, headers, agent: false, timeout: ANSWER_TIMEOUT_MS };
      const req = http.request(new URL(url, base), options, (res) => {
        const parts = [];
        res.on('data', (part) => parts.push(part));
        res.on('error', fail);
        res.on('end', () =>
          resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts).toString('utf8') })
        );
      });
      req.on('timeout', () => req.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} s`)));
      req.on('error', fail);
      req.end(body);
    });
  }

  // address finds the platform: the environment first, else the file of a platform that stays.
  address() {
    const { STELLAR_LOCAL_URL: url, STELLAR_LOCAL_TOKEN: token } = process.env;
    if (url) {
      if (!token) {
        throw this.error('STELLAR_LOCAL_URL is set and STELLAR_LOCAL_TOKEN is not: set both or neither', 'NO_TOKEN');
      }
      return { base: this.checked(url, 'STELLAR_LOCAL_URL'), token, from: 'STELLAR_LOCAL_URL' };
    }
    const { XDG_STATE_HOME: stateHome } = process.env; // relative ones are to be ignored, says the XDG specification
    const state = stateHome && path.isAbsolute(stateHome) ? stateHome : path.join(os.homedir(), '.local', 'state');
    const file = path.join(state, 'stellar', 'local', 'platform.json');
    let text;
    try {
      text = fs.readFileSync(file, 'utf8');
    } catch (error) {
      const why = error.code === 'ENOENT' ? `there is no ${file}` : `${file} cannot be read: ${error.message}`;
      throw this.error(`No local platform is running (${why}). Start one with "stellar local start".`, 'NOT_RUNNING');
    }
    try {
      const { url: base, token: secret } = JSON.parse(text);
      if (typeof base === 'string' && typeof secret === 'string') {
        return { base: this.checked(base, file), token: secret, from: file };
      }
    } catch (error) {
      if (error instanceof this.serverless.classes.Error) throw error;
    }
    throw this.error(
      `${file} is not a platform's state file. Stop the platform and start it again with "stellar local start".`,
      'BAD_STATE'
    );
  }

  checked(url, from) {
    if (/^http:\/\/[^/]+\/?$/.test(url) && URL.canParse(url)) return url;
    throw this.error(`${from} gives the address "${url}", it must be like http://127.0.0.1:PORT`, 'BAD_ADDRESS');
  }
}

function anyMethod(method) {
  return !method || method === '*' ? 'ANY' : method.toUpperCase();
}

// inOrder sorts the platform's functions as serverless.yml has them; others come last.
function inOrder(functions, names) {
  const rank = (f) => (names.includes(f.name) ? names.indexOf(f.name) : names.length);
  return [...functions].sort((a, b) => rank(a) - rank(b));
}

// size writes bytes as the framework does: decimal units, at most two figures after the point.
function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = Number(bytes) || 0;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toFixed(2))} ${units[unit]}`;
}

module.exports = StellarLocal;
