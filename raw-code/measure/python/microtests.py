"""The micro-tests of one instance: waiting, its machine, disk, network and processor. cmds.py runs them."""
import json
import math
import os
import re
import time

from arguments import Wrong, read_argument, shorten, whole

LONGEST_SLEEP = 3_600_000  # ms
LATEST = 9e12  # Unix ms
MOST_REPEATS = 1_000_000_000  # of cpu and cpuu
MOST_ROUNDS = 10_000
MOST_BLOCKS = 1_000_000
MOST_BLOCK = 64 << 20  # bytes: a block is held in memory
MOST_ROUND = 1 << 30  # bytes
ALL_STAMPS = 10_000  # a loop of at most so many gives every timestamp that it sees
STAMP_STEP = 0.5  # ms between the timestamps of a longer one, and the shortest gap whose both ends it gives
MOST_STAMPS = 50_000  # more do not fit into an answer
IPERF_PORT = 5201
IPERF_PATIENCE = 15.0  # s
PUBLIC_PATIENCE = 2.0  # s
# A size as dd reads it (GNU coreutils, section dd).
UNITS = {"": 1, "c": 1, "w": 2, "b": 512, "kB": 1000, "KB": 1000, "K": 1024, "KiB": 1024, "MB": 10**6, "M": 1 << 20,
         "MiB": 1 << 20}
NO_TIME = "the function's timeout is over before the test is"


def _number(argument, most, what):
    """Read an argument that is a number from 0 to most."""
    good = isinstance(argument, (int, float)) and not isinstance(argument, bool)
    if not good or not 0 <= argument <= most:
        raise Wrong("the argument is %s; want a %s from 0 to %.0f" % (shorten(json.dumps(argument)), what, most))
    return argument


def parse_sleep_till(argument):
    """Check the instant, in Unix ms by this machine's clock, until which sleep_till waits."""
    ms = _number(argument, LATEST, "Unix time in ms")
    return lambda invocation: _busy(invocation, ms / 1e3 - time.time())


def parse_sleep(argument):
    """Check the ms that sleep waits."""
    ms = _number(argument, LONGEST_SLEEP, "number of ms")
    return lambda invocation: _busy(invocation, ms / 1e3)


def _busy(invocation, seconds):
    """Wait on the processor, so that the instance is neither suspended nor given to others. It gives the ms."""
    begun = time.perf_counter()
    late = time.monotonic() + seconds - invocation.end
    if late > 0:
        raise Wrong("the wait would end %.3g s after the function's timeout" % late)
    while time.perf_counter() - begun < seconds:
        pass
    return (time.perf_counter() - begun) * 1e3


def _repeats(argument):
    a = read_argument(argument, ("n",))
    n = a.get("n")
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= MOST_REPEATS:
        raise Wrong('the argument is %s; "n" must be a whole number from 0 to %d'
                    % (shorten(json.dumps(argument)), MOST_REPEATS))
    return n


def parse_cpu(argument):
    """Check the n of cpu, which gives the ms that n! takes."""
    n = _repeats(argument)

    def run(invocation):
        begun = time.perf_counter_ns()
        if factorial(n, invocation.end) <= 0:
            raise ValueError("the factorial is not positive")
        return (time.perf_counter_ns() - begun) / 1e6

    return run


def factorial(n, end):
    """Multiply the numbers up to n one after the other, as all languages of the function do."""
    product = 1
    for i in range(2, n + 1):
        product *= i
        if i % 256 == 0 and time.monotonic() > end:
            raise TimeoutError(NO_TIME)
    return product


def parse_cpuu(argument):
    """Check the n of cpuu, which gives the timestamps in Unix ms that a loop of n sees: sorted, each once."""
    n = _repeats(argument)

    def run(invocation):
        stamps = Stamps(n <= ALL_STAMPS)
        base, begun, left = time.time() * 1e3, time.perf_counter(), invocation.end - time.monotonic()
        for _ in range(n):
            since = time.perf_counter() - begun
            stamps.add(base + since * 1e3)
            if since > left:
                raise TimeoutError(NO_TIME)
            if len(stamps.kept) > MOST_STAMPS:
                raise ValueError(
                    "more than %d timestamps, which do not fit into an answer: ask for a smaller n" % MOST_STAMPS)
        return stamps.end()

    return run


class Stamps:
    """The timestamps of a loop.

    Where not all are kept, both ends of each gap of STAMP_STEP and more are, and between them one in each STAMP_STEP.
    """

    def __init__(self, every):
        self.step = 0.0 if every else STAMP_STEP
        self.kept = []
        self.last = -math.inf

    def add(self, t):
        kept = self.kept
        if not kept:
            kept.append(t)
        elif t - self.last >= self.step > 0:
            self.end()
            kept.append(t)
        elif t - kept[-1] >= self.step and t > kept[-1]:
            kept.append(t)
        self.last = t

    def end(self):
        """Keep the last one that was seen, too."""
        if self.kept and self.last > self.kept[-1]:
            self.kept.append(self.last)
        return self.kept


def parse_stat(argument):
    """Check the argument of stat. The number argv is that of older clients and means nothing."""
    whole(read_argument(argument, ("argv",)), "argv", -(1 << 31), 1 << 31, 0)
    return lambda invocation: stat()


def stat():
    """What the instance can say of itself and its machine. What a system does not tell is empty."""
    import tempfile
    import uuid

    new_id = str(uuid.uuid4())
    vm_id, inst_id = cgroup_ids(read_file("/proc/self/cgroup"))
    uptime = read_file("/proc/uptime").split()
    return {
        "exist_id": _existing_id(os.path.join(tempfile.gettempdir(), "inst_id.txt"), new_id),
        "new_id": new_id,
        "vm_id": vm_id,
        "inst_id": inst_id,
        "vm_priv_ip": _host_address(),
        "vm_pub_ip": _public_address(os.environ.get("STELLAR_PUBLIC_IP_URL")),
        "inst_priv_ip": _own_address(),
        "uptime": float(uptime[0]) if uptime else None,
        "cpu_info": "%d,%s" % (os.cpu_count() or 0, _cpu_model()),
    }


def read_file(name):
    """The text of a file; empty where the system has none."""
    try:
        with open(name, encoding="utf-8", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def _existing_id(name, fresh):
    """The id in a file. The first who asks writes its own; where that cannot be, each has its own."""
    try:
        with open(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as f:
            f.write(fresh)
        return fresh
    except OSError:
        return read_file(name).strip() or fresh


def cgroup_ids(text):
    """The ids of the machine and of the instance: the last two names of the longest path of /proc/self/cgroup."""
    longest = []
    for line in text.split("\n"):
        parts = line.split(":", 2)
        names = [p for p in parts[2].split("/") if p] if len(parts) == 3 else []
        if len(names) > len(longest):
            longest = names
    return longest[-2] if len(longest) > 1 else "", longest[-1] if longest else ""


def _host_address():
    """The IPv4 address of this host's name: from the hosts file, else from a name such as ip-10-0-0-7. No DNS."""
    import ipaddress
    import socket

    def version4(text):
        try:
            return ipaddress.IPv4Address(text)
        except ValueError:
            return None

    name = socket.gethostname()
    for line in read_file("/etc/hosts").split("\n"):
        address, *names = line.partition("#")[0].split() or [""]
        if name in names and version4(address) and not version4(address).is_loopback:
            return address
    first = name.partition(".")[0]
    address = (first[3:] if first.startswith("ip-") else first).replace("-", ".")
    return address if version4(address) else ""


def _own_address():
    """The address that datagrams to other networks leave from. Connecting a UDP socket sends nothing."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # of documentation (RFC 5737)
            return s.getsockname()[0]
        except OSError:
            return ""


def _public_address(url):
    """Ask a service that answers with the caller's address. Without a URL no request is sent."""
    if not url:
        return ""
    import ipaddress
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=PUBLIC_PATIENCE) as answer:
            return str(ipaddress.ip_address(answer.read(256).decode("ascii").strip()))
    except (OSError, ValueError):
        return ""


def _cpu_model():
    for line in read_file("/proc/cpuinfo").split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.strip() == "model name":
            return value.strip()
    return ""


def parse_io(argument):
    """Check the argument of io: rounds, and the size and number of the blocks of each."""
    a = read_argument(argument, ("rd", "size", "cnt"))
    rounds = whole(a, "rd", 1, MOST_ROUNDS, 0)
    count = whole(a, "cnt", 1, MOST_BLOCKS, 0)
    block = dd_size(a.get("size"))
    if not 1 <= block <= MOST_BLOCK:
        raise Wrong("size is %s, it must be 1 byte to 64M as dd writes it: a whole number and c, w, b, kB, K, KB, KiB, "
                    "MB, M, MiB or nothing" % json.dumps(shorten(str(a.get("size", "")))))
    if block * count > MOST_ROUND:
        raise Wrong("%d blocks of %s are over 1 GiB a round" % (count, a["size"]))

    def run(invocation):
        out = []
        for _ in range(rounds):
            took = _write_round(block, count, invocation.end)
            out.append({"time": "%g" % took, "speed": dd_speed(block * count, took)})
        return out

    return run


def _write_round(block, count, end):
    """Write random blocks, each synchronised, and a last time all of them. It gives the seconds."""
    import tempfile

    name = os.path.join(tempfile.gettempdir(), "stellar-io-" + os.urandom(16).hex())
    synced = getattr(os, "O_DSYNC", os.O_SYNC)
    file = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | synced, 0o600)
    try:
        begun = time.perf_counter()
        for _ in range(count):
            if time.monotonic() > end:
                raise TimeoutError(NO_TIME)
            data = memoryview(os.urandom(block))
            while data:
                data = data[os.write(file, data):]
        getattr(os, "fdatasync", os.fsync)(file)
        return time.perf_counter() - begun
    finally:
        os.close(file)
        os.remove(name)


def dd_size(text):
    """The bytes of a size as dd reads it; 0: it is none."""
    m = re.fullmatch(r"([0-9]{1,9})([A-Za-z]*)", text) if isinstance(text, str) else None
    return int(m[1]) * UNITS.get(m[2], 0) if m else 0


def dd_speed(size, seconds):
    """A speed as dd writes it: below 10 with one decimal, in the largest unit that leaves 1 or more.

    Below 1 kB/s dd has bytes only for times that divide evenly (gnulib, human_readable).
    """
    speed, units = size / max(seconds, 1e-9), ["", "k", "M", "G", "T", "P", "E"]
    while len(units) > 1 and speed >= 999.5:
        speed /= 1000
        units.pop(0)
    if not units[0] and seconds % 1:
        speed /= 1000
        units.pop(0)
    return "%.*f %sB/s" % (1 if units[0] and speed < 9.95 else 0, speed, units[0])


def parse_net(argument):
    """Check the argument of net: an iperf3 server."""
    a = read_argument(argument, ("server_ip", "port"))
    port = whole(a, "port", 1, 65535, IPERF_PORT)
    server = a.get("server_ip", "")
    named = isinstance(server, str) and re.fullmatch(r"[A-Za-z0-9.:%_][A-Za-z0-9.:%_-]{0,252}", server)
    if not named:
        raise Wrong("server_ip is %s, it must be an IP address or a host name" % json.dumps(shorten(str(server))))
    return lambda invocation: _iperf(server, port, invocation.end - time.monotonic())


def _iperf(server, port, left):
    """Send to a server for one second."""
    import subprocess

    command = [_find_iperf(), "-c", server, "-p", str(port), "-t", "1", "-J"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=max(min(left, IPERF_PATIENCE), 0.001), check=False)
    except subprocess.TimeoutExpired:
        raise TimeoutError("iperf3 with %s:%d has not ended in time" % (server, port)) from None
    return read_iperf(done.stdout, done.returncode)


def read_iperf(out, code):
    """Take the sender's numbers from iperf3's JSON: bits a second, and round trips in µs."""
    try:
        report = json.loads(out)
    except ValueError as e:
        raise ValueError("iperf3: exit status %d" % code if code else "iperf3's report: %s" % e) from None
    if report.get("error"):
        raise ValueError("iperf3: " + report["error"])
    if code:
        raise ValueError("iperf3: exit status %d" % code)
    streams = report.get("end", {}).get("streams")
    if not streams:
        raise ValueError("iperf3's report has no stream")
    s = streams[0]["sender"]
    names = (("bps", "bits_per_second"), ("meanr", "mean_rtt"), ("minr", "min_rtt"), ("maxr", "max_rtt"))
    return {to: s.get(name, 0) for to, name in names}


def _find_iperf():
    """Look for iperf3 on the PATH, then in the package."""
    import shutil

    root = os.path.abspath(os.environ.get("LAMBDA_TASK_ROOT") or ".")
    found = shutil.which("iperf3") or shutil.which("iperf3", path=root + os.pathsep + os.path.join(root, "bin"))
    if not found:
        raise FileNotFoundError("there is no iperf3, neither on the PATH nor in the package (iperf3, bin/iperf3)")
    return found
