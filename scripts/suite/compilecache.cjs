'use strict';

// Loaded into the Node.js CLIs that tests start (node --require). Loading its modules is most of what such a CLI
// computes. The compiled code of modules below node_modules, and the paths at which they are found, are kept in a file
// for the next start. Newer versions of Node.js have such a cache of their own.

const fs = require('fs');
const path = require('path');
const vm = require('vm');
const Module = require('module');
const { createHash } = require('crypto');

const folder = process.env.STELLAR_TEST_NODE_CACHE;
const modules = path.sep + 'node_modules' + path.sep;
const imports = /\bimport\s*\(/;
// Wrangler imports modules only to bundle and to run a Worker itself, neither of which stellar asks for.
const wrangler = path.join('wrangler', 'wrangler-dist', 'cli.js');
const worthwhile = 20; // modules and paths that are not in the file, from which on it is written again

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
  const { code, paths } = read(file);
  const scripts = new Map();
  let missing = 0;

  const compile = Module.prototype._compile;
  Module.prototype._compile = function (content, filename, ...rest) {
    // A script of vm cannot import modules while it runs.
    if (!filename.includes(modules) || content.startsWith('#!') ||
      (imports.test(content) && !filename.endsWith(wrangler))) {
      return compile.call(this, content, filename, ...rest);
    }
    const cachedData = code.get(filename);
    let script;
    try {
      script = new vm.Script(Module.wrap(content), { filename, cachedData });
    } catch {
      return compile.call(this, content, filename, ...rest); // an ES module, or a real error
    }
    if (!cachedData || script.cachedDataRejected) missing++;
    scripts.set(filename, script);
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
    for (const [name, script] of scripts) code.set(name, script.createCachedData());
    try {
      write(file, code, paths);
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

// A file is the length of its index (4 bytes), the index, and the code of one module after the other.
function read(file) {
  const code = new Map();
  try {
    const all = fs.readFileSync(file);
    let at = 4 + all.readUInt32LE(0);
    const index = JSON.parse(all.toString('utf8', 4, at));
    for (const [name, size] of index.code) {
      code.set(name, all.subarray(at, at + size));
      at += size;
    }
    return { code, paths: index.paths };
  } catch {
    return { code, paths: {} }; // there is none yet
  }
}

function write(file, code, paths) {
  const sizes = [...code].map(([name, data]) => [name, data.length]);
  const index = Buffer.from(JSON.stringify({ code: sizes, paths }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(index.length);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  fs.writeFileSync(part, Buffer.concat([length, index, ...code.values()]));
  fs.renameSync(part, file); // another process reads the old file or the new one
}
