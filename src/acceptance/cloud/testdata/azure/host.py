"""Stands in for the Functions host and Python worker: loads what function.json names and calls it with requests of the platform's
own library."""
import http.server
import importlib.util
import json
import os
import socketserver
import sys
import urllib.parse
import uuid

root, port = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, root)

import azure.functions as functions  # noqa: E402

with open(os.path.join(root, "measure", "function.json")) as f:
    meta = json.load(f)
script = os.path.normpath(os.path.join(root, "measure", meta["scriptFile"]))
spec = importlib.util.spec_from_file_location("function", script)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
entry = getattr(module, meta["entryPoint"])


class Context:
    def __init__(self):
        self.invocation_id = str(uuid.uuid4())


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = urllib.parse.parse_qs(self.path.partition("?")[2], keep_blank_values=True)
        params = {k: ",".join(v) for k, v in query.items()}
        request = functions.HttpRequest(method=self.command, url=self.path, headers=dict(self.headers), params=params, body=body)
        answer = entry(request, Context())
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.get_body())

    do_POST = do_GET

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


Server(("127.0.0.1", port), Handler).serve_forever()
