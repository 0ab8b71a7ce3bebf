"""The measurement function in the form of Google's Functions Framework: a Flask request in; body, status, headers out.

It only translates: the request becomes an event of an HTTP API, which main.lambda_handler answers.
"""
import os

import main
import serve


def _timeout_ms():
    try:
        return int(float(os.environ.get("STELLAR_TIMEOUT_SECONDS") or "3600") * 1000)
    except (ValueError, OverflowError):
        return main.LONGEST_TIMEOUT_NS // 10**6


class _Context:
    """What a request's context tells: its name and how long it may take."""

    def __init__(self, request_id):
        self.aws_request_id = request_id

    def get_remaining_time_in_millis(self):
        return _TIMEOUT_MS


_TIMEOUT_MS = _timeout_ms()


def handle(request):
    """Answer a request. Its whole body is read first."""
    event = {
        "version": "2.0",
        "requestContext": {"http": {"method": request.method}},
        "headers": dict(request.headers),
        "queryStringParameters": serve._query(request.query_string.decode("utf-8", "replace")),
        "body": request.get_data(cache=False),
    }
    answer = main.lambda_handler(event, _Context(serve._http_request_id(request.headers)))
    return answer["body"], answer["statusCode"], answer["headers"]
