'use strict';

// The measurement function as an Azure Function, by the programming model v3 of Node.js
// (learn.microsoft.com/azure/azure-functions/functions-reference-node). It gives the request the form of an HTTP API
// event and the answer that of Azure Functions; all else is in main.js.

const began = BigInt(Date.now()) * 1000000n;
const measure = require('./main.js');
const core = require('./core.cjs');

// The worker's process waits, already started, until it is given a function: what came before is not this function's
// start.
measure.startedAt(began);

const timeoutMs = core.timeoutNs(process.env.STELLAR_TIMEOUT_SECONDS) / 1e6;

// bodyOf is the request's body in bytes: the host gives a payload (application/octet-stream) as a Buffer in body, and a
// text as rawBody.
function bodyOf(req) {
  if (Buffer.isBuffer(req.body)) return req.body;
  return typeof req.rawBody === 'string' ? req.rawBody : '';
}

exports.handler = async (context, req) => {
  const event = {
    requestContext: {},
    headers: req.headers,
    queryStringParameters: req.query,
    body: bodyOf(req),
  };
  const lambda = { awsRequestId: context.invocationId, getRemainingTimeInMillis: () => timeoutMs };
  const answer = await measure.handler(event, lambda);
  context.res = { status: answer.statusCode, headers: answer.headers, body: answer.body, isRaw: true };
};
