"""The micro-tests of the measurement function. It is imported by the first request that asks for one."""
import json
import socket
import time

import microtests
from arguments import Wrong, read_argument, shorten, whole

FIRST_ECHO = 3.0  # s that the first echo is waited for
LATER_ECHO = 2.0
MOST_LOSSES = 5  # in a row: the exchange is given up
STOP_TRIES = 5
STOP_WAIT = 0.5
MOST_PINGS = 100_000  # rows of more do not fit into an answer
SYNC_PINGS = 1000
SYNC_ROW = 20  # exchanges in a row without a smaller round trip that end a synchronisation
SYNC_SHARE = 0.8  # of the function's timeout that a synchronisation may take
PING_SHARE = 0.95  # of the timeout that all other exchanges may take: the answer has to go out in time


class Invocation:
    """What a micro-test can know of the request that asks for it."""

    def __init__(self, request_id, received_ns, left_ns):
        self.id = request_id
        self.left = left_ns / 1e9
        self.end = time.monotonic() + self.left - (time.time_ns() - received_ns) / 1e9


def parse_udp(argument):
    """Check the argument of udp."""
    a = read_argument(argument, ("address", "port", "mode", "repetitions", "n", "seconds", "id"))
    if not isinstance(a.get("address"), str) or not a["address"]:
        raise Wrong("there is no address; want the one that the driver listens on")
    mode = a.get("mode", "ping-pong")
    if mode not in ("ping-pong", "sync"):
        raise Wrong('mode %s is neither "ping-pong" nor "sync"' % shorten(json.dumps(mode)))
    port = whole(a, "port", 1, 65535, 0)
    repetitions = whole(a, "repetitions", 0, MOST_PINGS, 0) or SYNC_PINGS
    n = whole(a, "n", 0, MOST_PINGS, 0) or SYNC_ROW
    seconds = a.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
        raise Wrong("seconds is %s, it must not be negative" % shorten(json.dumps(seconds)))
    name = a.get("id", "")
    if not isinstance(name, str) or len(name) > 64 or any(c in name for c in " \n\r\t"):
        raise Wrong("id must have at most 64 characters and no blanks")

    def run(invocation):
        share = SYNC_SHARE if mode == "sync" else PING_SHARE
        end = invocation.end - (1 - share) * invocation.left
        if seconds:
            end = min(end, time.monotonic() + seconds)
        return _Exchange(a["address"], port, name or invocation.id, mode).run(repetitions, n, end)

    return run


class _Exchange:
    """An exchange of datagrams with the driver. The function sends first: functions cannot be reached from outside.

    A datagram is "<id> <sequence number> <kind>". The driver sends a ping back as it is, and answers a stop with a
    stop-ack.
    """

    def __init__(self, address, port, name, mode):
        family, kind, protocol, _, to = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(family, kind, protocol)
        try:
            self.socket.connect(to)
        except OSError:
            self.socket.close()
            raise
        self.name, self.mode = name, mode
        self.base, self.wall = time.perf_counter_ns(), time.time_ns()
        self.rows, self.late, self.foreign, self.stopped = [], 0, 0, False

    def run(self, repetitions, n, end):
        with self.socket:
            why = self._pings(repetitions, n, end)
            self._stop()
        return {
            "id": self.name,
            "mode": self.mode,
            "base": str(self.wall),
            "rows": self.rows,
            "end": why,
            "late": self.late,
            "foreign": self.foreign,
            "stopped": self.stopped,
        }

    def _pings(self, repetitions, n, end):
        """Send one datagram after the other. It gives the reason for the end."""
        least, since, losses, wait = 0, 0, 0, FIRST_ECHO
        for number in range(repetitions):
            now = time.monotonic()
            if now >= end:
                return "time"
            rtt = self._ping(number, min(now + wait, end))
            if rtt is None:
                losses += 1
                if losses == MOST_LOSSES:
                    return "losses"
                continue
            losses, wait, since = 0, LATER_ECHO, since + 1
            if least == 0 or rtt < least:
                least, since = rtt, 0
            if self.mode == "sync" and since >= n:
                break
        return "done"

    def _ping(self, number, until):
        """Send one datagram and wait for its own echo. It gives the round trip in ns, None where it is lost."""
        out = self._datagram(number, "ping")
        sent = time.perf_counter_ns() - self.base
        try:
            self.socket.send(out)
        except OSError:
            came = None
        else:
            came = self._await(out, until)
        self.rows.append([number, sent] if came is None else [number, sent, came])
        return None if came is None else came - sent

    def _await(self, want, until):
        """Wait for a datagram. Others that come meanwhile are counted and left."""
        mine = want[: want.index(b" ") + 1]
        while True:
            left = until - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(256)
            except OSError:  # the time is over, or there is no listener
                return None
            came = time.perf_counter_ns() - self.base
            if data == want:
                return came
            if data.startswith(mine):
                self.late += 1
            else:
                self.foreign += 1

    def _stop(self):
        """Tell the driver that the exchange is over. The answer to the request ends it, too, if this is lost."""
        number = len(self.rows)
        for _ in range(STOP_TRIES):
            try:
                self.socket.send(self._datagram(number, "stop"))
            except OSError:
                continue
            if self._await(self._datagram(number, "stop-ack"), time.monotonic() + STOP_WAIT) is not None:
                self.stopped = True
                return

    def _datagram(self, number, kind):
        return ("%s %d %s" % (self.name, number, kind)).encode()


# The micro-tests: rank (those of a higher one run first, the others in the order of the request), and the function
# that checks the argument and gives what runs.
COMMANDS = {
    "sleep_till": (2, microtests.parse_sleep_till),
    "sleep": (1, microtests.parse_sleep),
    "stat": (0, microtests.parse_stat),
    "io": (0, microtests.parse_io),
    "net": (0, microtests.parse_net),
    "cpu": (0, microtests.parse_cpu),
    "cpuu": (0, microtests.parse_cpuu),
    "udp": (0, parse_udp),
}


def read(asked):
    """Check an object of micro-tests, and put them into the order in which they run."""
    if not isinstance(asked, dict):
        raise Wrong("cmds is not a JSON object")
    steps = []
    for name, argument in asked.items():
        if name not in COMMANDS:
            raise Wrong("cmds: %s is not a micro-test of this function; it knows %s" % (
                json.dumps(shorten(name)), ", ".join(COMMANDS)))
        rank, parse = COMMANDS[name]
        try:
            steps.append((rank, name, parse(argument)))
        except Wrong as e:
            raise Wrong("cmds: %s: %s" % (name, e)) from None
    steps.sort(key=lambda s: -s[0])
    return steps


def run(steps, request_id, received_ns, left_ns):
    """Run micro-tests one after the other. One that fails does not keep the others from running."""
    invocation = Invocation(request_id, received_ns, left_ns)
    begun, start = time.perf_counter_ns(), time.time_ns() / 1e6
    out = {}
    for _, name, task in steps:
        try:
            out[name] = task(invocation)
        except Exception as e:  # whatever fails is this test's result
            out[name] = {"error": str(e) or type(e).__name__}
    took = (time.perf_counter_ns() - begun) / 1e6
    out.update(start_time=start, end_time=start + took, elapsed_time=took)
    return out
