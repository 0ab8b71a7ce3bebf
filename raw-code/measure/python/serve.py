"""Serves the measurement function over HTTP, for platforms that start a program with $PORT."""
import json
import os
import time

import main


def _http_request_id(headers):
    """The platform's name for the request. Anyone may send such a header: a long one is ignored."""
    for name in ("X-Request-Id", "X-Cloud-Trace-Context", "Cf-Ray"):
        value = headers.get(name)
        if value and len(value) <= 256:
            return value
    return None


def _query(text):
    """The query as gateways give it: a parameter given twice is joined, so that it is refused in the same way."""
    from urllib.parse import parse_qs

    return {k: ",".join(v) for k, v in parse_qs(text, keep_blank_values=True).items()}


def _http_body(request, payload):
    """Read the body to its end so that the connection can be kept; give a payload, and what may ask for something."""
    if request.headers.get("Transfer-Encoding"):
        request.close_connection = True
        raise main.Refused(411, "this function wants a Content-Length with a body")
    length = request.headers.get("Content-Length") or "0"
    if not main._digits(length) or len(length) > 18:
        request.close_connection = True
        raise main.Refused(400, "Content-Length is not a number")
    left, kept = int(length), bytearray()
    while left:
        part = request.rfile.read(min(left, 1 << 16))
        if not part:
            request.close_connection = True
            raise main.Refused(400, "the request's body broke off")
        left -= len(part)
        if payload or len(kept) < main.MAX_CMDS and (kept or part[:1] == b"{"):
            kept += part
    return kept


def run(port):
    """Answer on the port, a thread for each connection, until the process is ended."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    try:
        timeout_ns = int(float(os.environ.get("STELLAR_TIMEOUT_SECONDS") or "3600") * 10**9)
    except (ValueError, OverflowError):
        timeout_ns = main.LONGEST_TIMEOUT_NS

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # keeps connections
        disable_nagle_algorithm = True  # headers and body leave in two writes
        wbufsize = -1

        def do_GET(self):
            instance = main._identity.claim()
            try:
                params = _query(self.path.partition("?")[2])
                payload = _http_body(self, "PayloadSHA256" in params)
                status, body = main._answer(
                    instance,
                    time.time_ns(),  # the whole request is in
                    _http_request_id(self.headers),
                    self.headers.get("X-Stellar-Token"),
                    params,
                    payload,
                    timeout_ns,
                )
            except main.Refused as e:
                status, body = e.status, json.dumps({"error": str(e)})
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # the platform's routes say which methods come here

        def log_message(self, *args):
            pass  # the platform logs requests

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 1024  # a burst arrives at once

        def server_bind(self):
            # HTTPServer looks its own name up in the DNS here, which can take seconds.
            import socketserver

            socketserver.TCPServer.server_bind(self)
            self.server_name, self.server_port = self.server_address[:2]

    server = Server(("", port), Handler)
    main._identity.ready()
    server.serve_forever()
