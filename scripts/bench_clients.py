"""How each client of `make bench`'s probe part is run, and what it says about latency.

A client is run once per round with a number of waves: the burst of N requests again and again. Those that wait for a
whole burst before the next (stellar, original) have waves that can be told apart by the order of arrival; the others
keep N workers, each of which sends its next request when it has its answer, so that their wave k is the k-th request of
each worker. Their first wave dials (fortio's does not: it connects beforehand); warm figures leave it out.
"""
import calendar
import csv
import dataclasses
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

WAVES = 4  # of which the first is left out where connections are to be warm


@dataclasses.dataclass
class Job:
    """One call of one client: what is to be sent where."""
    n: int
    protocol: str  # http1, h2, h2c, grpc
    keep: bool     # connections kept from wave to wave; else every request opens its own
    url: str       # for grpc host:port
    folder: str
    waves: int = WAVES
    streams: int = 1     # requests at once on a connection (HTTP/2 of the peers)
    shared: bool = False  # stellar: slots share connections


@dataclasses.dataclass
class Seen:
    """What a client said: each request, of all waves, or two quantiles; or why there is nothing."""
    pairs: list = dataclasses.field(default_factory=list)      # (start, latency in ns); starts need only sort
    quantiles: tuple = ()                                      # p50 and p99 where the client prints no more
    by_id: list = dataclasses.field(default_factory=list)      # (server's number of the request, latency)
    refused: str = ""
    memory: int = 0                                            # most that was resident, bytes, where it was watched


class Bench:
    """Where the programs are, and how they are run: in a process group of their own, ended when they take too long."""

    def __init__(self, tools, stellar, peers, work, cert):
        self.tools, self.stellar, self.peers, self.work = tools, stellar, peers, work
        self.env = dict(os.environ, SSL_CERT_FILE=cert, K6_NO_USAGE_REPORT="true")
        libraries = glob.glob(os.path.join(tools, "root", "usr", "lib", "*-linux-gnu"))
        self.env["LD_LIBRARY_PATH"] = ":".join(libraries)
        # A client ends with this script, even if the script is killed.
        self.tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self.prefix, self.watch, self.high = [], False, 0

    def find(self, name):
        for path in (os.path.join(self.tools, "bin", name), os.path.join(self.tools, "root", "usr", "bin", name),
                     os.path.join(self.tools, "root", "usr", "sbin", name)):
            if os.access(path, os.X_OK):
                return path
        return None

    def call(self, argv, timeout=180, cwd=None):
        """Runs a program; its output, its complaint ("" when it went well)."""
        with tempfile.TemporaryFile("w+", dir=self.work) as out, tempfile.TemporaryFile("w+", dir=self.work) as err:
            child = subprocess.Popen(self.tied + self.prefix + argv, env=self.env,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     cwd=cwd or self.work, start_new_session=True)
            try:
                self.wait(child, timeout)
                complaint = "" if child.returncode == 0 else f"exit {child.returncode}"
            except subprocess.TimeoutExpired:
                complaint = f"took over {timeout} s"
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
            out.seek(0), err.seek(0)
            text, said = out.read(), err.read()
        if complaint:
            lines = [line.strip() for line in (said or text).splitlines() if line.strip()]
            told = [line for line in lines if not line.startswith("→")][-2:]  # a hint is not the reason
            complaint += ": " + " ".join(told)[-300:].replace(f"{cwd}/", "") if told else ""
        return text, complaint

    def wait(self, child, timeout):
        """Waits for the end. The child's own high-water mark is read from /proc: getrusage would count this script's
        memory too, from which the child was forked."""
        self.high = 0
        waited = 0.0
        while self.watch and waited < timeout:
            try:
                with open(f"/proc/{child.pid}/status") as status:
                    for line in status:
                        if line.startswith("VmHWM"):
                            self.high = max(self.high, int(line.split()[1]) * 1024)
            except OSError:
                pass
            try:
                child.wait(0.005)
                return
            except subprocess.TimeoutExpired:
                waited += 0.005
        child.wait(timeout)


def stellar(b, job):
    """The user's way: an experiment file, the built program, latencies.csv. Rows carry the server's number of the
    request, so that its own handling of that very request can be taken off."""
    connections = "shared" if job.shared else "reuse" if job.keep else "new"
    scheme = "http://" if job.protocol == "grpc" else ""  # in the clear
    sub = {"Title": "bench", "Bursts": job.waves, "BurstSizes": [job.n], "IATSeconds": 0.3, "IATType": "deterministic",
           "Connections": connections, "Visualization": "none", "MaxErrorRatio": 1, "TimeoutSeconds": 60}
    if job.protocol != "http1":
        sub["Protocol"] = job.protocol
    rows, complaint = experiment(b, job.folder, scheme + job.url, sub)
    seen = Seen(refused=complaint, memory=b.high)
    failed = 0
    for row in rows:
        if not row["Client Latency (ms)"]:
            failed += 1
            continue
        latency = float(row["Client Latency (ms)"]) * 1e6
        seen.pairs.append((nanoseconds(row["Sent At"]) + float(row.get("Write Began (ms)") or 0) * 1e6, latency))
        if row["Request ID"].isdigit():
            seen.by_id.append((int(row["Request ID"]), latency))
    if failed and not complaint:
        seen.refused = f"{failed} of {len(rows)} requests failed ({rows[-1].get('Error', '')})"
    return seen


def nanoseconds(text):
    """Of an RFC 3339 instant in UTC with nine digits, in one number."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(fraction.ljust(9, "0"))


def experiment(b, folder, provider, sub, timeout=180):
    """Runs one experiment file; its rows, its complaint."""
    path = os.path.join(folder, "experiment.json")
    with open(path, "w") as f:
        json.dump({"Provider": provider, "Sequential": True, "SubExperiments": [sub]}, f)
    argv = [b.stellar, "-c", path, "--yes", "-o", os.path.join(folder, "out")]
    _, complaint = b.call(argv, timeout=timeout, cwd=folder)
    rows = []
    for name in glob.glob(os.path.join(folder, "out", "2*", "*", "latencies.csv")):
        with open(name, newline="") as f:
            rows += csv.DictReader(f)
    if not rows and not complaint:
        complaint = "no rows"
    return rows, complaint


def original(b, job):
    out, complaint = b.call([b.peers, "-protocol", job.protocol, "-url", job.url, "-n", str(job.n),
                             "-bursts", str(job.waves)])
    seen = Seen(refused=complaint, memory=b.high)
    for line in out.splitlines():
        start, latency, number = line.split(",")
        seen.pairs.append((int(start), float(latency)))
        if number:
            seen.by_id.append((int(number), float(latency)))
    return seen


def hey(b, job):
    argv = [b.find("hey"), "-n", str(job.n * job.waves), "-c", str(job.n), "-t", "60", "-o", "csv"]
    argv += [] if job.keep else ["-disable-keepalive"]
    argv += ["-h2"] if job.protocol == "h2" else []
    out, complaint = b.call(argv + [job.url])
    rows = list(csv.DictReader(out.splitlines()))
    # Seconds with four decimals: no finer than 0.1 ms.
    pairs = [(float(r["offset"]), float(r["response-time"]) * 1e9) for r in rows if r["status-code"] == "200"]
    return Seen(pairs, refused=complaint, memory=b.high)


def h2load(b, job):
    connections = -(-job.n // job.streams)
    log = os.path.join(job.folder, "h2load.tsv")
    argv = [b.find("h2load"), "-n", str(job.n * job.waves), "-c", str(connections), "-m", str(job.streams), "-t", "1"]
    argv += ["--h1"] if job.protocol == "http1" else []
    _, complaint = b.call(argv + [f"--log-file={log}", job.url])
    if complaint or not os.path.exists(log):
        return Seen(refused=complaint or "no log", memory=b.high)
    with open(log) as f:
        cells = [line.split("\t") for line in f]
    pairs = [(int(c[0]), float(c[2]) * 1e3) for c in cells if c[1] == "200"]  # µs
    return Seen(pairs, memory=b.high)


def fortio(b, job):
    """It prints quantiles, not requests; its workers connect before they start, so that all waves are warm."""
    name = os.path.join(job.folder, "fortio.json")
    argv = [b.find("fortio"), "load", "-quiet", "-c", str(job.n), "-n", str(job.n * job.waves), "-qps", "0",
            "-p", "50,99",
            "-r", "0.00005", "-timeout", "60s", "-json", name, f"-keepalive={str(job.keep).lower()}"]
    argv += ["-k"] if job.url.startswith("https") else []
    _, complaint = b.call(argv + [job.url])
    if complaint or not os.path.exists(name):
        return Seen(refused=complaint or "no report", memory=b.high)
    with open(name) as f:
        said = {p["Percentile"]: p["Value"] * 1e9 for p in json.load(f)["DurationHistogram"]["Percentiles"]}
    return Seen(quantiles=(said[50], said[99]), memory=b.high)


K6 = """
import http from 'k6/http';
import { Trend } from 'k6/metrics';
const latency = new Trend('bench_latency', true);
export const options = {
  insecureSkipTLSVerify: true, noConnectionReuse: %s, summaryTrendStats: ['p(50)', 'p(99)'],
  scenarios: { bench: { executor: 'per-vu-iterations', vus: %d, iterations: %d, maxDuration: '170s' } },
};
export default function () {
  const t = http.get('%s').timings;
  if (__ITER >= %d) latency.add(t.blocked + t.duration); // blocked: dialling and TLS
}
export function handleSummary(data) { return { stdout: JSON.stringify(data.metrics.bench_latency.values) }; }
"""


def k6(b, job):
    name = os.path.join(job.folder, "k6.js")
    with open(name, "w") as f:
        skip = 1 if job.keep and job.waves > 1 else 0
        f.write(K6 % (str(not job.keep).lower(), job.n, job.waves, job.url, skip))
    out, complaint = b.call([b.find("k6"), "run", "--quiet", "--no-color", "--log-output=none", name])
    if complaint:
        return Seen(refused=complaint, memory=b.high)
    said = json.loads(out[out.index("{"):])
    return Seen(quantiles=(said["p(50)"] * 1e6, said["p(99)"] * 1e6), memory=b.high)


def ghz(b, job):
    proto = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grpcpeer", "bench", "chainfunction.proto")
    out, complaint = b.call([b.find("ghz"), "--insecure", "--proto", proto,
                             "--call", "proto_gen.ProducerConsumer.InvokeNext",
                             "-n", str(job.n * job.waves), "-c", str(job.n),
                             "--connections", str(-(-job.n // job.streams)), "-t", "60s", "-d", "{}",
                             "-O", "json", job.url])
    if complaint:
        return Seen(refused=complaint, memory=b.high)
    pairs = [(d["timestamp"], float(d["latency"])) for d in json.loads(out)["details"] if d["status"] == "OK"]
    return Seen(pairs, memory=b.high)


def write(b, job):
    """The kernel's part of a burst: scripts/benchfloor writes and does nothing else. It is no rival, and has no
    latencies, because it reads the answers when all requests are written."""
    _, complaint = b.call([os.path.join(b.work, "benchfloor"), "-n", str(job.n), "-bursts", str(job.waves), job.url])
    return Seen(refused=complaint)


BARRIER = {"stellar", "original", "write"}  # clients whose waves are parted by the order of arrival
CONNECTED = {"fortio"}             # clients that connect before their first wave
CLIENTS = {"stellar": stellar, "original": original, "hey": hey, "h2load": h2load, "fortio": fortio, "k6": k6,
           "ghz": ghz, "write": write}
