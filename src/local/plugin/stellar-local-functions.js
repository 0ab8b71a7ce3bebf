'use strict';

// The commands of the plugin for the local platform that are about one function. Options and output of `invoke` are
// those that it has for AWS.
//
//   serverless invoke -f <function> [--data JSON | --path FILE] [--type Event] [--log] [--raw] [--context JSON]
//   serverless logs -f <function> [--tail]

const fs = require('fs');
const path = require('path');

// What a function printed may hold terminal escapes: they are shown, not obeyed. Tabs and line breaks stay.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const printable = (text) => text.replace(CONTROL, (c) => {
  const code = c.charCodeAt(0).toString(16);
  return c < '\u0080' ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
});

const ACCEPTED = { RequestResponse: 200, Event: 202, DryRun: 204 };

// invoke calls the function of the command line and prints what it answers.
async function invoke(plugin) {
  const { options } = plugin;
  plugin.serverless.service.getFunction(options.function); // says so where serverless.yml has no such function
  const type = options.type || 'RequestResponse';
  if (!ACCEPTED[type]) {
    throw plugin.error(
      `--type is ${type}, it must be one of ${Object.keys(ACCEPTED).join(', ')}`, 'INVOKE_OPTION');
  }
  const headers = { 'X-Amz-Invocation-Type': type };
  if (options.log && type === 'RequestResponse') headers['X-Amz-Log-Type'] = 'Tail';
  const context = options.context || (options.contextPath && read(plugin, 'contextPath'));
  if (context) headers['X-Amz-Client-Context'] = Buffer.from(json(context, options.raw)).toString('base64');
  const data = options.data || (options.path ? read(plugin, 'path') : await piped());

  const gateway = await gatewayOf(plugin);
  const name = encodeURIComponent(`${plugin.serverless.service.service}-${options.function}`);
  const url = new URL(`/2015-03-31/functions/${name}/invocations`, gateway);
  const answer = await plugin.request('POST', url.href, json(data || {}, options.raw), headers);
  if (answer.status !== ACCEPTED[type]) throw plugin.refused('POST', url.pathname, answer.status, answer.body);
  if (answer.body) process.stdout.write(`${JSON.stringify(JSON.parse(answer.body), null, 4)}\n`);
  const log = answer.headers['x-amz-log-result'];
  if (log) {
    const lines = Buffer.from(log, 'base64').toString('utf8').split('\n').filter((line) => !line.startsWith('END'));
    process.stdout.write(`${'-'.repeat(68)}\n${printable(lines.join('\n'))}`);
  }
  if (answer.headers['x-amz-function-error']) throw plugin.error('Invoked function failed', 'INVOCATION_FAILED');
}

async function gatewayOf(plugin) {
  const { status, body } = await plugin.request('GET', '/v1/status');
  if (status !== 200) throw plugin.refused('GET', '/v1/status', status, body);
  return JSON.parse(body).gateway;
}

// json is what was typed as JSON: as it is where it is JSON and raw was not asked for, else a string.
function json(given, raw) {
  if (!raw && typeof given === 'string') {
    try {
      return JSON.stringify(JSON.parse(given));
    } catch {
      // A plain text, which becomes a JSON string.
    }
  }
  return JSON.stringify(given);
}

function read(plugin, option) {
  const file = path.resolve(plugin.serverless.serviceDir, plugin.options[option]);
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw plugin.error(`--${option}: ${file} cannot be read: ${error.message}`, 'INVOKE_OPTION');
  }
}

// piped is what comes on standard input, where it is a pipe or a file.
async function piped() {
  if (process.stdin.isTTY || fs.fstatSync(0).isCharacterDevice()) return '';
  const parts = [];
  for await (const part of process.stdin) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

// logs prints the log of the function of the command line.
async function logs(plugin) {
  const { function: name, tail, interval, startTime, filter } = plugin.options;
  if (startTime != null || filter != null) {
    throw plugin.error(
      'the local platform\'s logs know neither --startTime nor --filter: leave them out', 'LOGS_OPTION');
  }
  plugin.serverless.service.getFunction(name); // says so where serverless.yml has no such function
  const wait = Number(interval || 1000);
  if (!(wait >= 50)) throw plugin.error(`--interval is ${interval}, it must be 50 or more milliseconds`, 'LOGS_OPTION');
  const from = `${plugin.servicePath}/functions/${encodeURIComponent(name)}/logs?offset=`;
  let offset = 0;
  for (;;) {
    const { text, next } = await readLog(plugin, from + offset);
    if (text) process.stdout.write(printable(text));
    if (next === offset && !tail) return;
    if (next === offset) await new Promise((resolve) => setTimeout(resolve, wait));
    offset = next;
  }
}

async function readLog(plugin, url) {
  const { status, headers, body } = await plugin.request('GET', url);
  if (status !== 200) throw plugin.refused('GET', url, status, body);
  const next = Number(headers['x-next-offset']);
  if (!Number.isSafeInteger(next)) throw plugin.error('the platform sent a log without X-Next-Offset', 'BAD_ANSWER');
  return { text: body, next };
}

module.exports = { invoke, logs };
