"""The measurement function on Function Compute behind API Gateway
(alibabacloud.com/help/en/api-gateway/traditional-api-gateway/user-guide/use-function-compute-as-the-backend-service).

It gives the request the form of an HTTP API event and the answer that of the gateway; all else is in main.
"""
import json
import os

import main as measure


def _timeout_ms(context):
    seconds = getattr(getattr(context, "function", None), "timeout", None)
    seconds = seconds or os.environ.get("STELLAR_TIMEOUT_SECONDS") or "3600"
    try:
        return int(float(seconds) * 1000)
    except (TypeError, ValueError, OverflowError):
        return 3600 * 1000


class _Context:
    """What the measurement function asks of a context."""

    def __init__(self, context):
        self.aws_request_id = getattr(context, "request_id", None)
        self.timeout_ms = _timeout_ms(context)

    def get_remaining_time_in_millis(self):
        return self.timeout_ms


def handler(event, context):
    """Answer a request that the gateway passes on: JSON in bytes."""
    request = json.loads(event)
    answer = measure.lambda_handler(
        {
            "requestContext": {},
            "headers": request.get("headers") or {},
            "queryStringParameters": request.get("queryParameters") or {},
            "body": request.get("body") or "",
            "isBase64Encoded": str(request.get("isBase64Encoded")).lower() == "true",  # the gateway writes it as text
        },
        _Context(context),
    )
    return json.dumps(dict(answer, isBase64Encoded=False))
