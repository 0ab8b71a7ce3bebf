"""Run a Python handler for the local platform: ask the Runtime API for an event, call the handler, answer.

    python3 -u <this file> <module.function>

Behaves as AWS's own runtime does. Imports are few, because they are a part of every cold start: _socket is the C
module below socket, without the selectors and enums that the latter brings along; traceback comes at the first error.
"""
import _socket
import json
import os
import sys
import time

_PATH = "/2018-06-01/runtime/"


class _Gone(Exception):
    """The Runtime API does not answer any more."""


class _Connection:
    """One kept connection to the Runtime API: strictly one request after the other."""

    def __init__(self, address):
        self.address = address
        self.sock = None
        self.pending = b""

    def request(self, method, path, body=b"", headers=""):
        """Give status, headers (names in lower case) and body of the answer."""
        head = "%s %s%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n\r\n" % (
            method, _PATH, path, self.address, headers, len(body))
        try:
            if self.sock is None:
                self._connect()
            self.sock.sendall(head.encode("latin-1") + body)
            return self._answer()
        except (OSError, ValueError) as e:
            raise _Gone("the Runtime API at %s is gone: %s" % (self.address, e)) from e

    def _connect(self):
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]")
        family, kind, proto, _, where = _socket.getaddrinfo(host, int(port), 0, _socket.SOCK_STREAM)[0]
        self.sock = _socket.socket(family, kind, proto)
        self.sock.connect(where)
        self.sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        self.pending = b""

    def _more(self):
        part = self.sock.recv(1 << 16)
        if not part:
            raise OSError("it closed the connection")
        return part

    def _line(self):
        while b"\r\n" not in self.pending:
            self.pending += self._more()
        line, _, self.pending = self.pending.partition(b"\r\n")
        return line.decode("latin-1")

    def _exactly(self, n):
        parts, have = [self.pending], len(self.pending)
        while have < n:
            parts.append(self._more())
            have += len(parts[-1])
        data = b"".join(parts)
        self.pending = data[n:]
        return data[:n]

    def _answer(self):
        status = int(self._line().split(" ", 2)[1])
        headers = {}
        while True:
            line = self._line()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.sock.close()
            self.sock = None
        return status, headers, body

    def _chunks(self):
        body = b""
        while True:
            size = int(self._line().partition(";")[0], 16)
            if size == 0:
                while self._line():
                    pass
                return body
            body += self._exactly(size)
            self._line()


class _Context:
    """What a handler is told about its invocation, under the names that AWS gives it."""

    def __init__(self, headers):
        env = os.environ
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class _InitError(Exception):
    """The handler cannot be loaded; kind is AWS's name for why."""

    def __init__(self, kind, message, cause=None):
        super().__init__(message)
        self.kind = kind
        self.__cause__ = cause


def _load(handler):
    """Import the handler: module.function, where the module may be written with slashes."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot or not module_name or not function_name:
        raise _InitError("Runtime.MalformedHandlerName", "Bad handler '%s': it must be module.function" % handler)
    name = module_name.replace("/", ".").lstrip(".")
    from importlib import import_module

    try:
        module = import_module(name)
    except ImportError as e:
        raise _InitError("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, e), e) from e
    except SyntaxError as e:
        raise _InitError("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e), e) from e
    function = getattr(module, function_name, None)
    if not callable(function):
        raise _InitError(
            "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
    return function


def _describe(error, kind=None, message=None):
    """AWS's JSON form of an error. Frames of this file and of the import machinery are left out of the trace."""
    import traceback

    origin = error.__cause__ if isinstance(error, _InitError) else error
    frames = traceback.extract_tb(origin.__traceback__) if origin is not None else []
    own = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    shown = [f for f in frames if f.filename not in own and not f.filename.endswith("importlib/__init__.py")]
    return {
        "errorMessage": str(error) if message is None else message,
        "errorType": kind or type(error).__name__,
        "stackTrace": traceback.format_list(shown),
    }


def _post_error(connection, path, description):
    sys.stderr.write("[ERROR] %s: %s\n%s" % (
        description["errorType"], description["errorMessage"], "".join(description["stackTrace"])))
    # A type goes into a header: only what may stand there.
    kind = "".join(c for c in description["errorType"] if c.isascii() and (c.isalnum() or c in "._-"))
    headers = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: %s\r\n" % kind
    connection.request("POST", path, json.dumps(description).encode(), headers)


def _invoke(function, event, headers):
    """Call the handler; give its answer as JSON bytes, or a description of what went wrong."""
    try:
        parsed = json.loads(event)
    except ValueError as e:
        return None, _describe(e, "Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
    try:
        result = function(parsed, _Context(headers))
    except Exception as e:
        return None, _describe(e)
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False).encode(), None
    except (TypeError, ValueError, RecursionError) as e:
        return None, _describe(e, "Runtime.MarshalError", "Unable to marshal response: %s" % e)


def _serve(address, function):
    """Answer events until the Runtime API goes away."""
    connection = _Connection(address)
    while True:
        status, headers, event = connection.request("GET", "invocation/next")
        if status != 200:
            raise _Gone("invocation/next answered %d: %s" % (status, event[:200].decode("utf-8", "replace")))
        request_id = headers["lambda-runtime-aws-request-id"]
        if "lambda-runtime-trace-id" in headers:
            os.environ["_X_AMZN_TRACE_ID"] = headers["lambda-runtime-trace-id"]
        answer, error = _invoke(function, event, headers)
        if error is not None:
            _post_error(connection, "invocation/%s/error" % request_id, error)
            continue
        status, _, said = connection.request(
            "POST", "invocation/%s/response" % request_id, answer, "Content-Type: application/json\r\n")
        if status != 202:
            # Too long, or too late: the platform has handled it, and the next event is not affected.
            sys.stderr.write("response to %s answered %d: %s\n" % (
                request_id, status, said[:200].decode("utf-8", "replace")))


def _serve_to_the_end(address, function):
    """The process ends with the first loop that ends: a half-deaf instance would hide what happened."""
    try:
        _serve(address, function)
    except _Gone as e:
        sys.stderr.write("%s\n" % e)
    except BaseException:  # SystemExit of a handler among them: a process that the platform is to see end
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    os._exit(1)


def _isolate(root):
    """Let imports find the package, the standard library, and the AWS SDK where it lies beside this file.

    The local platform starts Python with -S, so that the machine's site-packages are not seen: what is missing in
    requirements.txt is missing here, as it is in the cloud.
    """
    own = os.path.dirname(os.path.abspath(__file__))
    if sys.path and os.path.abspath(sys.path[0]) == own:
        sys.path[0] = root
    else:
        sys.path.insert(0, root)
    if not sys.flags.no_site:
        return
    sdk = os.path.join(own, "python-sdk-%d.%d" % sys.version_info[:2])
    if os.path.isdir(sdk):
        sys.path.append(sdk)
    import _sitebuiltins
    import builtins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")  # what site would have added
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")


def main():
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
    handler = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("_HANDLER", "")
    if not address or not handler:
        sys.exit("python bootstrap: AWS_LAMBDA_RUNTIME_API and a handler (argument or _HANDLER) are needed")
    _isolate(os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd())
    sys.argv = [handler]
    sys.dont_write_bytecode = True  # the cloud's package folder is read-only: no start may profit from an earlier one
    try:
        function = _load(handler)
    except _InitError as e:
        return _fail_init(address, _describe(e, e.kind))
    except Exception as e:
        return _fail_init(address, _describe(e))
    try:
        more = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")) - 1
    except ValueError:
        more = 0
    if more > 0:
        import threading

        for _ in range(more):
            threading.Thread(target=_serve_to_the_end, args=(address, function), daemon=True).start()
    _serve_to_the_end(address, function)


def _fail_init(address, description):
    try:
        _post_error(_Connection(address), "init/error", description)
    except _Gone as e:
        sys.stderr.write("%s\n" % e)
    sys.exit(1)


if __name__ == "__main__":
    main()
