"""The measurement function: it reports its instance, spins if asked, makes a payload if asked, and stamps.

A managed runtime calls lambda_handler; run as a program it serves HTTP on $PORT. Only the standard library, and what
is not needed at every start is imported where it is used: the cold start should measure the platform.
"""
import _thread
import json
import os
import sys
import time

# The earliest instants this module can note of itself.
_FIRST_STAMP = time.time_ns()
_FIRST_CPU = time.process_time_ns()

MAX_PAYLOAD = 1 << 30  # bytes
# The duration of one step on a fast processor with a whole core. It is only used to refuse requests that certainly
# exceed the timeout; calibration measures the real duration.
NS_PER_INCREMENT = 20.0
# Used if the platform does not report its timeout: no platform allows longer requests.
LONGEST_TIMEOUT_NS = 3600 * 10**9
SEED = 88172645463325252  # Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves
MAX_CMDS = 1 << 20  # how much of a body that may ask for micro-tests is looked at

_TOKEN_SHA256 = os.environ.get("STELLAR_TOKEN_SHA256", "").lower()


class Refused(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def _start_tick():
    """The earliest instant at which the process can have begun and how much later it may have been, in ns, or None."""
    try:
        tick = 10**9 // os.sysconf("SC_CLK_TCK")
        with open("/proc/self/stat", "rb") as f:
            # The second field is the program's name in parentheses and may hold anything: count from its end.
            ticks = int(f.read().rpartition(b")")[2].split()[19])  # starttime, field 22 (proc(5))
        age = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - ticks * tick
        return time.time_ns() - age, tick
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _process_start():
    """Estimate when the process began, Unix ns.

    The kernel gives that in clock ticks of 10 ms; within its tick the start is placed so that the process has been on
    a CPU all the time up to its first stamp, which a starting process nearly is. The error is below one tick in any
    case. Systems that do not tell the tick get the CPU time alone.
    """
    guess = _FIRST_STAMP - _FIRST_CPU
    bounds = _start_tick()
    if bounds is None:
        return guess
    earliest, tick = bounds
    return min(max(guess, earliest), earliest + tick)


def _cpu_model():
    """The first processor's name. Only the first page is read: the kernel makes the file again for each reader."""
    try:
        with open("/proc/cpuinfo", "rb", buffering=0) as f:
            for line in f.read(4096).split(b"\n"):
                name, colon, value = line.partition(b":")
                if colon and name.strip() == b"model name":
                    return value.strip().decode("utf-8", "replace")
    except OSError:
        pass
    return ""


def _int_env(name):
    try:
        return int(os.environ.get(name, "0"))
    except ValueError:
        return 0


class _Identity:
    """What this process says about itself."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.started = _process_start()
        self.invocations = 0
        self.id = ""
        self.init_ns = 0
        self.fixed = {
            "StartedAt": str(self.started),
            "Runtime": "python%d.%d.%d" % sys.version_info[:3],
            "MemoryMB": _int_env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
            "CPU": "%d,%s" % (os.cpu_count() or 0, _cpu_model()),
            "Host": os.uname().nodename if hasattr(os, "uname") else "",
        }

    def ready(self):
        self.init_ns = time.time_ns() - self.started

    def started_at(self, ns):
        """For platforms whose processes run before a function is given to them: their adapters say when it was."""
        self.started = ns
        self.fixed["StartedAt"] = str(ns)
        self.ready()

    def claim(self):
        """Called when a request arrives: under the lock exactly one of several concurrent requests is cold."""
        with self.lock:
            self.invocations += 1
            invocation = self.invocations
            if not self.id:  # drawn here, so that copies restored from one snapshot differ
                self.id = os.urandom(16).hex()
        instance = {"ID": self.id, "Cold": invocation == 1, "Invocation": invocation, "InitNs": self.init_ns}
        instance.update(self.fixed)
        return instance


def _admit(token):
    """Compare hashes, of equal length whatever was sent and in constant time."""
    if not _TOKEN_SHA256:
        return
    try:
        from _sha2 import sha256  # hashlib loads OpenSSL, which costs a start some milliseconds
    except ImportError:
        try:
            from _sha256 import sha256
        except ImportError:
            from hashlib import sha256
    from _operator import _compare_digest

    sent = sha256((token or "").encode("utf-8", "surrogatepass")).hexdigest()
    if not _compare_digest(sent.encode(), _TOKEN_SHA256.encode()):
        raise Refused(401, "this function wants the run's token in the header X-Stellar-Token")


def _shorten(text):
    return text if len(text) <= 40 else text[:40] + "..."


def _digits(text):
    return text.isascii() and text.isdigit()


def _count(params, name):
    """Read a parameter that is a whole number from 0 up; an absent one is 0."""
    if name not in params:
        return 0
    text = params[name]
    if not isinstance(text, str):
        text = json.dumps(text)
    if text[:1] == "-" and _digits(text[1:]):
        raise Refused(400, "%s is %s, it must not be negative" % (name, _shorten(text)))
    if not _digits(text):
        raise Refused(400, "%s is %s, it must be a whole number" % (name, json.dumps(_shorten(text))))
    if len(text.lstrip("0")) > 19 or int(text) >= 1 << 63:
        raise Refused(400, "%s is %s, that is too large" % (name, _shorten(text)))
    return int(text)


def _refuse_unready(params):
    """Name parameters of older functions that are in another place here."""
    # Clients send an empty chain with every request.
    if params.get("DataTransferChainIDs") not in (None, "", "[]", []):
        raise Refused(400, "DataTransferChainIDs: chains over HTTP are in Chain, a JSON array of URLs")
    for name in ("PutURL", "GetURL"):
        if params.get(name):
            raise Refused(400, "%s: the objects of a transfer through storage are in the request's body" % name)
    if params.get("StorageTransfer") in ("true", True) and not _in_chain(params):
        raise Refused(400, "StorageTransfer: it is for chains, ask it with Chain")


def _in_chain(params):
    return "PayloadSHA256" in params or params.get("Chain") not in (None, "", "[]", "null", [])


def _read_params(params, left_ns):
    _refuse_unready(params)
    increments = _count(params, "IncrementLimit")
    payload = _count(params, "PayloadLengthBytes")
    if payload > MAX_PAYLOAD:
        raise Refused(400, "PayloadLengthBytes is %d, at most %d (1 GiB) is allowed" % (payload, MAX_PAYLOAD))
    if increments * NS_PER_INCREMENT > left_ns:
        raise Refused(
            400,
            "IncrementLimit %d would spin for at least %.3g s, the function's timeout leaves %.3g s"
            % (increments, increments * NS_PER_INCREMENT / 1e9, max(left_ns, 0) / 1e9),
        )
    return increments, payload


def spin(n):
    """Step n times through xorshift64 with the shifts 13, 7, 17; one step is one increment."""
    x, mask = SEED, (1 << 64) - 1
    for _ in range(n):
        x ^= x << 13 & mask
        x ^= x >> 7
        x ^= x << 17 & mask
    return x


def payload_parts(n):
    """Make n bytes that do not compress, the same ones each time, in parts."""
    from hashlib import shake_128

    part = 1 << 20
    for at in range(0, n, part):
        yield shake_128(b"%d,%d" % (SEED, at)).digest(min(part, n - at))


def make_payload(n):
    """Make n bytes that do not compress, the same ones each time."""
    payload = bytearray()
    if n:
        for part in payload_parts(n):
            payload += part
    return payload


def _asked_cmds(body):
    """The micro-tests that a body asks for, as the object with the key cmds. Any other body is a payload."""
    if body[:1] != b"{":
        return {}
    try:
        asked = json.loads(body)
    except ValueError:
        return {}
    return {"cmds": asked["cmds"]} if "cmds" in asked else {}


def _transfer(params, body):
    """This request's part of a chain; None: it has none."""
    if not _in_chain(params):
        return None
    import transfer

    return transfer.read(params, body)


def _read_cmds(asked):
    """Check the micro-tests that a request asks for; None: none."""
    if "cmds" not in asked:
        return None
    import cmds

    try:
        value = asked["cmds"]
        if isinstance(value, str):  # of the query
            value = json.loads(value)
        return cmds.read(value)
    except cmds.Wrong as e:
        raise Refused(400, str(e)) from None
    except ValueError:
        raise Refused(400, "cmds is not a JSON object") from None


def _run_cmds(steps, answer, received, left_ns):
    import cmds

    answer["Cmds"] = cmds.run(steps, answer["RequestID"], received, left_ns)
    answer["TimestampChain"] = [str(time.time_ns())]


def _answer(instance, received, request_id, token, params, body, left_ns):
    """Do the work of one request and give the response's status and JSON text."""
    try:
        _admit(token)
        increments, payload = _read_params(params, left_ns)
        chain = _transfer(params, body)
        steps = _read_cmds({} if chain else _asked_cmds(body) or params)
        begun = time.perf_counter_ns()
        state = spin(increments)
        spin_ns = time.perf_counter_ns() - begun
        made = 0 if chain else len(make_payload(payload))
    except Refused as e:
        return e.status, json.dumps({"error": str(e)})
    answer = {
        "RequestID": request_id or os.urandom(16).hex(),
        "TimestampChain": [str(time.time_ns())],
        "Instance": instance,
        "ReceivedAt": str(received),
        "SpinNs": spin_ns,
        "Increments": increments,
        "Sink": state >> 11,  # 53 bits: exact in readers that know only floating point
    }
    if made:
        answer["PayloadBytes"] = made
    if chain:
        try:
            chain.run(answer, token, body, received, left_ns, payload)
        except Refused as e:
            return e.status, json.dumps({"error": str(e)})
    if steps is not None:
        _run_cmds(steps, answer, received, left_ns)
    return 200, json.dumps(answer)


def _body_of(event):
    body = event.get("body") or ""
    if isinstance(body, (bytes, bytearray)):  # of adapters
        return body
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(body)
    except (Error, ValueError):
        return b""  # what is not base64 asks for nothing


def lambda_handler(event, context):
    """Answer an HTTP API event (version 2.0; 1.0 has the same fields), or a direct invocation.

    A direct invocation's own members are the parameters, X-Stellar-Token among them.
    """
    received = time.time_ns()
    instance = _identity.claim()
    if not isinstance(event, dict):
        event = {}
    body, token = b"", None
    if event.get("requestContext") is not None:
        params = event.get("queryStringParameters") or {}
        for name, value in (event.get("headers") or {}).items():
            if name.lower() == "x-stellar-token":
                token = value
        body = _body_of(event)
    else:
        params = event
        token = event.get("X-Stellar-Token")
    token = token if isinstance(token, str) else None
    left = LONGEST_TIMEOUT_NS
    if context is not None and hasattr(context, "get_remaining_time_in_millis"):
        left = context.get_remaining_time_in_millis() * 10**6
    request_id = getattr(context, "aws_request_id", None)
    status, body = _answer(instance, received, request_id, token, params, body, left)
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}


def _read_filler(root):
    """Read the package's padding once, so that platforms which load packages lazily have to bring all of it."""
    for name in os.listdir(root):
        if name.startswith("stellar-filler") and name.endswith(".bin"):
            with open(os.path.join(root, name), "rb", buffering=0) as f:
                while f.read(1 << 20):
                    pass


_identity = _Identity()
if os.environ.get("STELLAR_FILLER_READ") == "1":
    _read_filler(os.environ.get("LAMBDA_TASK_ROOT") or os.path.dirname(os.path.abspath(__file__)))
_identity.ready()  # a managed runtime asks for its first event as soon as this module is in

if __name__ == "__main__":
    sys.modules["main"] = sys.modules["__main__"]  # or serve and transfer would import a second copy
    if not os.environ.get("PORT", "").isdigit():
        sys.exit("measure: PORT is not set: nothing to serve (a Lambda runtime calls main.lambda_handler)")
    import serve

    serve.run(int(os.environ["PORT"]))
