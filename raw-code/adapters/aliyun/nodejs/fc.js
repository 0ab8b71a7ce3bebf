'use strict';

// The measurement function on Function Compute behind API Gateway
// (alibabacloud.com/help/en/api-gateway/traditional-api-gateway/user-guide/use-function-compute-as-the-backend-service).
// It gives the request the form of an HTTP API event and the answer that of the gateway; all else is in main.js.

const measure = require('./main.js');
const core = require('./core.cjs');

function timeoutMs(context) {
  const seconds = (context.function && context.function.timeout) || process.env.STELLAR_TIMEOUT_SECONDS;
  return core.timeoutNs(seconds) / 1e6;
}

exports.handler = (event, context, callback) => {
  const request = JSON.parse(event.toString('utf8'));
  const left = timeoutMs(context);
  measure
    .handler(
      {
        requestContext: {},
        headers: request.headers,
        queryStringParameters: request.queryParameters,
        body: request.body,
        isBase64Encoded: String(request.isBase64Encoded).toLowerCase() === 'true', // the gateway writes it as text
      },
      { awsRequestId: context.requestId, getRemainingTimeInMillis: () => left }
    )
    .then((answer) => callback(null, { ...answer, isBase64Encoded: false }), callback);
};
