"""Stands in for Function Compute's Python runtime: one event from each line of the standard input, one answer to a line."""
import importlib
import json
import sys
import threading
import uuid

sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].rpartition(".")
handler = getattr(importlib.import_module(module), name)
write = threading.Lock()


class Function:
    timeout = 60


class Context:
    function = Function()

    def __init__(self):
        self.request_id = str(uuid.uuid4())


for line in sys.stdin:
    answer = handler(line.encode(), Context())
    with write:
        print(answer if isinstance(answer, str) else json.dumps(answer), flush=True)
