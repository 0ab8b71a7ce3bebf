'use strict';

// Loaded into the Node.js CLIs that tests start (node --require). Loading its modules is most of what such a CLI
// computes. The sources and the compiled code of modules below node_modules, and the paths at which they are found, are
// kept in a file for the next start: node_modules do not change while the suite runs. Newer versions of Node.js have a
// cache of compiled code of their own. Libraries that the Serverless CLI needs for few commands are loaded when they
// are used. What Wrangler computes of a Worker for its own messages costs little.

const fs = require('fs');
const path = require('path');
const vm = require('vm');
const zlib = require('zlib');
const Module = require('module');
const { createHash } = require('crypto');

const folder = process.env.STELLAR_TEST_NODE_CACHE;
const modules = path.sep + 'node_modules' + path.sep;
const imports = /\bimport\s*\(/;
// Wrangler imports modules only to bundle and to run a Worker itself, neither of which stellar asks for.
const wrangler = [path.join('wrangler', 'wrangler-dist', 'cli.js'), path.join('miniflare', 'dist', 'src', 'index.js')];
const form = '------formdata-undici-'; // how an upload begins
const worthwhile = 20; // modules and paths that are not in the file, from which on it is written again
// Modules of which the Serverless CLI, new or old, its plugins and their libraries take functions and classes alone,
// and where these are taken. Most commands need none of them.
const takers = [['osls', 'lib'], ['serverless', 'lib'], ['@serverless', 'dashboard-plugin', 'lib'],
  ['serverless-azure-functions', 'lib'], ['serverless-aliyun-function-compute'], ['request'], ['tough-cookie', 'lib']]
  .map((names) => path.sep + path.join(...names) + path.sep);
const deferred = new RegExp('^(@alicloud/(cloudapi|log|ram)|@aws-sdk/.*|@azure/(arm-(apimanagement|keyvault|storage)|' +
  'storage-blob)|@serverless/(platform-client|utils/(download|inquirer))|@smithy/.*|ajv|ajv/dist/standalone|ali-oss|' +
  'archiver|axios|decompress|fast-glob|filenamify|globby|har-validator|http-signature|https-proxy-agent|json-refs|' +
  'jszip|mime-types|node-fetch|psl|request|simple-git|undici|xml2js|yauzl|yazl|\\..*/sdk-v2)$');

if (folder) defer();
if (folder && process.argv[1]?.endsWith(wrangler[0])) shorten();
if (folder && Module.enableCompileCache) Module.enableCompileCache(folder);
else if (folder && installed(process.argv[1])) keep(process.argv[1]);

function installed(program) {
  try {
    return fs.realpathSync(program).includes(modules);
  } catch {
    return false; // node runs no program, or one that does not exist
  }
}

function keep(program) {
  const file = path.join(folder, createHash('sha256').update(process.version + process.arch + program).digest('hex'));
  const { kept, paths } = read(file);
  const scripts = new Map();
  let missing = 0;

  const load = Module._extensions['.js'];
  Module._extensions['.js'] = function (mod, filename) {
    const known = kept.get(filename);
    if (!known) return load.call(this, mod, filename);
    mod._compile(known.source.toString(known.encoding), filename);
  };

  const compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    const known = kept.get(filename);
    // A script of vm cannot import modules while it runs.
    if (!known && (!filename.includes(modules) || content.startsWith('#!') ||
      (imports.test(content) && !wrangler.some((name) => filename.endsWith(name))))) {
      return compile.call(this, content, filename, ...rest);
    }
    let script;
    try {
      script = new vm.Script(Module.wrap(content), { filename, cachedData: known?.code });
    } catch {
      return compile.call(this, content, filename, ...rest); // an ES module, or a real error
    }
    if (!known || script.cachedDataRejected) missing++;
    scripts.set(filename, { script, content });
    const run = script.runInThisContext();
    return run.call(this.exports, this.exports, requireOf(this), this, filename, path.dirname(filename));
  };

  const resolve = Module._resolveFilename;
  Module._resolveFilename = function (request, parent, isMain, options) {
    if (options || !parent?.filename?.includes(modules)) return resolve.call(this, request, parent, isMain, options);
    const key = path.dirname(parent.filename) + '\0' + request;
    if (paths[key]) return paths[key];
    const found = resolve.call(this, request, parent, isMain, options);
    if (path.isAbsolute(found) && found.includes(modules)) {
      paths[key] = found;
      missing++;
    }
    return found;
  };

  process.on('exit', () => {
    if (missing < worthwhile) return;
    for (const [name, { script, content }] of scripts) {
      const encoding = /[^\0-\x7f]/.test(content) ? 'utf8' : 'latin1';
      kept.set(name, { code: script.createCachedData(), source: Buffer.from(content, encoding), encoding });
    }
    try {
      write(file, kept, paths);
    } catch {
      // it only saves time
    }
  });
}

// requireOf is the function `require` of a module.
function requireOf(mod) {
  const require = (id) => mod.require(id);
  require.resolve = (request, options) => Module._resolveFilename(request, mod, false, options);
  require.resolve.paths = (request) => Module._resolveLookupPaths(request, mod);
  require.main = process.mainModule;
  require.extensions = Module._extensions;
  require.cache = Module._cache;
  return require;
}

// A file is the length of its index (4 bytes), the index, and the code and the source of one module after the other.
function read(file) {
  const kept = new Map();
  try {
    const all = fs.readFileSync(file);
    let at = 4 + all.readUInt32LE(0);
    const index = JSON.parse(all.toString('utf8', 4, at));
    for (const [name, codeSize, sourceSize, encoding] of index.modules) {
      const end = at + codeSize;
      kept.set(name, { code: all.subarray(at, end), source: all.subarray(end, end + sourceSize), encoding });
      at = end + sourceSize;
    }
    return { kept, paths: index.paths };
  } catch {
    return { kept, paths: {} }; // there is none yet
  }
}

function write(file, kept, paths) {
  const sizes = [...kept].map(([name, m]) => [name, m.code.length, m.source.length, m.encoding]);
  const index = Buffer.from(JSON.stringify({ modules: sizes, paths }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(index.length);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  fs.writeFileSync(part, Buffer.concat([length, index, ...[...kept.values()].flatMap((m) => [m.code, m.source])]));
  fs.renameSync(part, file); // another process reads the old file or the new one
}

// defer makes the Serverless CLI load some modules when it calls what it took from them.
function defer() {
  const load = Module._load;
  Module._load = function (request, parent, isMain) {
    if (!deferred.test(request) || !takers.some((name) => parent?.filename?.includes(name))) {
      return load.call(this, request, parent, isMain);
    }
    const library = () => load.call(this, request, parent, isMain);
    const taken = new Map();
    return standIn(library, (name) => {
      if (name === '__esModule') return undefined; // compiled TypeScript asks; none of them is one
      if (!taken.has(name)) taken.set(name, standIn(() => library()[name], (key) => library()[name][key]));
      return taken.get(name);
    });
  };
}

// standIn stands for a function or a class that is loaded at its first use.
function standIn(get, property) {
  const proxy = new Proxy(function () {}, { // an arrow function is no constructor
    apply: (_, self, args) => Reflect.apply(get(), self, args),
    construct: (_, args, target) => Reflect.construct(get(), args, target === proxy ? get() : target),
    get: (_, name) => property(name),
    has: (_, name) => name in get(),
  });
  return proxy;
}

// shorten saves most of what Wrangler computes of modules only to print it: the size that gzip would make of them, and
// the uploaded bytes as a text for its log (in all, a second for 10 MB). What it uploads is the same.
function shorten() {
  const { gzipSync } = zlib;
  zlib.gzipSync = (data) => gzipSync(data, { level: 0 });
  const { decode } = TextDecoder.prototype;
  TextDecoder.prototype.decode = function (data, options) {
    const upload = Buffer.isBuffer(data) && data.length > form.length && data.latin1Slice(0, form.length) === form;
    return decode.call(this, upload ? data.subarray(0, form.length) : data, options);
  };
}
