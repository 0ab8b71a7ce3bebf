"""The measurement function as an Azure Function, by Python's programming model v1
(learn.microsoft.com/azure/azure-functions/functions-reference-python).

It gives the request the form of an HTTP API event and the answer that of Azure Functions; all else is in main.
"""
import os
import time

_BEGAN = time.time_ns()

import azure.functions as functions  # noqa: E402 - the platform's worker has it

import main as measure  # noqa: E402

# The worker's process is started before it gets a function: the time before that is not part of this function's start.
measure._identity.started_at(_BEGAN)


def _timeout_ms():
    try:
        return int(float(os.environ.get("STELLAR_TIMEOUT_SECONDS") or "3600") * 1000)
    except (ValueError, OverflowError):
        return 3600 * 1000


class _Context:
    """What the measurement function asks of a context."""

    timeout_ms = _timeout_ms()

    def __init__(self, request_id):
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self):
        return self.timeout_ms


def main(req, context):
    """Answer an HTTP trigger."""
    event = {
        "requestContext": {},
        "headers": dict(req.headers),
        "queryStringParameters": dict(req.params),
        "body": req.get_body(),
    }
    answer = measure.lambda_handler(event, _Context(context.invocation_id))
    return functions.HttpResponse(answer["body"], status_code=answer["statusCode"], headers=answer["headers"])
