"""The measurement function in the form that clients of faas_measure ask for (github.com/liangw89/faas_measure).

An event {"cmds": {...}} is answered with one line: the results joined by #, the rounds of one by ;, and the function's
start#end#elapsed in ms. A test whose argument is false is left out; of one that fails there is None. A request without
cmds gets the measurement function's own answer. The modules beside this one are links to that function's.
"""
import base64
import decimal
import json
import time

import main
import microtests

LONGEST_TIMEOUT = 3600.0  # s


class _Invocation:
    """What a micro-test asks of the request."""

    def __init__(self, context):
        left = LONGEST_TIMEOUT
        if hasattr(context, "get_remaining_time_in_millis"):
            left = context.get_remaining_time_in_millis() / 1e3
        self.end = time.monotonic() + left


def handler(event, context):
    """Answer an invocation, or an event of an HTTP API or of a function URL, whose body or query has the cmds."""
    cmds, http = _asked(event)
    if cmds is None:
        return main.lambda_handler(event, context)
    try:
        line = run(cmds, _Invocation(context))
    except ValueError as e:
        if not http:
            raise
        return {"statusCode": 400, "headers": {"Content-Type": "application/json"}, "body": json.dumps({"error": str(e)})}
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": line} if http else line


def _asked(event):
    """The cmds of an event, None where it has none, and whether it came over HTTP."""
    if not isinstance(event, dict) or event.get("requestContext") is None:
        return (event.get("cmds") if isinstance(event, dict) else None), False
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = base64.b64decode(text).decode("utf-8", "replace")
    for source in (text, (event.get("queryStringParameters") or {}).get("cmds")):
        try:
            asked = json.loads(source or "null")
        except ValueError:
            continue
        if source is text:
            asked = asked.get("cmds") if isinstance(asked, dict) else None
        if asked is not None:
            return asked, True
    return None, True


def run(cmds, invocation):
    """Run the tests in the order of the event and join what they give."""
    start = time.time() * 1000
    if not isinstance(cmds, dict) or not set(cmds) <= {"sleep", "run", *TESTS}:
        raise ValueError("cmds is %.200s; want an object with sleep, run, %s" % (json.dumps(cmds), ", ".join(TESTS)))
    until = cmds.get("sleep") or 0  # an instant, in Unix ms
    if until / 1e3 - time.time() > invocation.end - time.monotonic():
        raise ValueError("sleep is %s: that is after the function's timeout" % until)
    while time.time() * 1000 < until:
        pass
    results = []
    for name, argument in cmds.items():
        if name != "sleep" and argument:
            results.append(_result(name, argument, invocation))
    end = time.time() * 1000
    return "#".join(results + [_text(start), _text(end), _text(end - start)])


def _result(name, argument, invocation):
    """The result of a test as a text. There is no test that runs a shell, so that run gives None."""
    try:
        parse, write = TESTS[name]
        return write(parse(argument)(invocation))
    except Exception:  # pylint: disable=broad-except
        return "None"


def _text(number):
    """A float with all its digits and without an exponent."""
    return format(decimal.Context(prec=20).create_decimal(repr(number)), "f")


def _stat(r):
    idle = microtests.read_file("/proc/uptime").split()
    names = ("exist_id", "new_id", "vm_id", "inst_id", "vm_priv_ip", "vm_pub_ip", "inst_priv_ip")
    return "#".join([r[name] or "None" for name in names] + [",".join(idle), r["cpu_info"]])


def _io(rounds):
    return ";".join("%s, %s" % (r["time"], r["speed"]) for r in rounds)


def _net(r):
    return ",".join(str(r[name]) for name in ("bps", "meanr", "minr", "maxr"))


# Of each test what checks its argument, and what writes its result.
TESTS = {
    "stat": (microtests.parse_stat, _stat),
    "io": (microtests.parse_io, _io),
    "net": (microtests.parse_net, _net),
    "cpu": (microtests.parse_cpu, _text),
    "cpuu": (microtests.parse_cpuu, lambda stamps: ";".join(_text(s) for s in stamps)),
}
