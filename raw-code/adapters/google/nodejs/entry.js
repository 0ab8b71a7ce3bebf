'use strict';

// The measurement function as Google's Functions Framework calls it: with a request and a response of Express. It only
// translates: the request becomes an event of an HTTP API, which main.handler answers.

const core = require('./core.cjs');
const { handler } = require('./main.js');

const timeoutMs = Number(core.timeoutNs(process.env.STELLAR_TIMEOUT_SECONDS)) / 1e6;

// handle answers a request, whose whole body the framework has read.
exports.handle = async (request, response) => {
  const { headers, method, rawBody } = request;
  const event = {
    version: '2.0',
    requestContext: { http: { method } },
    headers,
    queryStringParameters: core.queryOf(request.originalUrl || request.url),
    body: rawBody,
  };
  const context = { awsRequestId: core.requestId((name) => headers[name]), getRemainingTimeInMillis: () => timeoutMs };
  const { statusCode, headers: own, body } = await handler(event, context);
  response.writeHead(statusCode, { ...own, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
};
