'use strict';

// Loaded before the Serverless CLI: requests to hosts of a vendor's go to the account that stands in for it, with the host that
// was meant in a header. Nothing else is let out. An account on this machine has no addresses at azurewebsites.net: in what
// the CLI prints, those at which the functions really answer are put in their place.

const http = require('http');
const https = require('https');
const { URL } = require('url');

const account = new URL(process.env.STELLAR_TEST_ACCOUNT);
const theirs = /\.(microsoftonline\.com|azure\.com|azurewebsites\.net|core\.windows\.net|aliyuncs\.com)$/;
const send = http.request;

function request(first, second, third) {
  const at = typeof first === 'string' || first instanceof URL ? new URL(first) : null;
  const given = at ? (typeof second === 'object' && second) || {} : first;
  const callback = [second, third].find((f) => typeof f === 'function');
  const host = at ? at.hostname : given.hostname || String(given.host).split(':')[0];
  if (!theirs.test(host)) throw new Error(`a request to ${host} is not let out`);
  return send.call(
    http,
    {
      agent: false,
      method: given.method,
      path: at ? at.pathname + at.search : given.path,
      hostname: account.hostname,
      port: account.port,
      headers: { ...given.headers, 'x-stellar-host': host },
    },
    callback
  );
}

for (const module of [http, https]) {
  module.request = request;
  module.get = (...args) => {
    const sent = request(...args);
    sent.end();
    return sent;
  };
}

const here = (text) =>
  text.replace(/\S+?\/api\/(?=\S+$)/gm, (m) =>
    /\.azurewebsites\.net/.test(m) && !/^https:/.test(m) ? `${account}app/${m.split('.')[0]}/api/` : m
  );
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write;
  stream.write = (chunk, ...more) => write.call(stream, typeof chunk === 'string' ? here(chunk) : chunk, ...more);
}
