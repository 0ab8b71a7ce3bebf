"""The probe's part of `make bench`: runs the clients in turn, asks the server what it saw, prints tables and targets.

Spread is the last minus the first arrival of a burst, as the server saw them. Client-made latency is the latency that
the client reports minus the server's own time for the same request. Requests are matched by their order (fortio and k6
print only quantiles, from which the server's are subtracted). For clients that read the server's number of the request
(stellar, original), they are also matched by that number, which shows how good the matching by order is.
"""
import argparse
import collections
import contextlib
import csv
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request

import bench_clients as clients
import bench_platform as platform
import bench_sustained as sustained
import bench_targets as targets

PEERS = {"http1": ["original", "hey", "h2load", "fortio", "k6"], "tls": ["original", "hey", "h2load", "fortio", "k6"],
         "h2": ["original", "hey", "h2load"], "h2c": ["original", "h2load"], "grpc": ["original", "ghz"]}
FLOOR = {"warm": ["write"], "pinned": ["write"]}  # no rivals: shown beside them
ALL = ["spread", "pinned", "platform", "new", "h2", "grpc", "sustained", "memory"]


class Server:
    """scripts/benchserver as a child; it ends when its standard input does."""

    def __init__(self, work):
        self.child = subprocess.Popen([os.path.join(work, "benchserver"), "-dir", work], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)

    def get(self, what):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['control']}/{what}", timeout=60) as answer:
            return answer.read().decode()

    def url(self, protocol):
        if protocol == "grpc":
            return f"127.0.0.1:{self.ports['grpc']}"
        scheme = "https" if protocol in ("tls", "h2") else "http"
        return f"{scheme}://127.0.0.1:{self.ports[protocol]}/f"

    def pin(self, cores):
        subprocess.run(["taskset", "-apc", cores, str(self.child.pid)], check=True, stdout=subprocess.DEVNULL)


def rows_of(server):
    """(number, connection, index on it, arrival, handling) of every request since the last reset, by arrival."""
    rows = [tuple(map(int, r)) for r in list(csv.reader(server.get("rows").splitlines()))[1:]]
    rows.sort(key=lambda r: r[3])
    return rows


def waves_of(name, job, rows):
    """Parts what the server saw into bursts; the first is left out where connections are to be warm."""
    waves = collections.defaultdict(list)
    for i, row in enumerate(rows):
        # hey spreads the streams of HTTP/2 over connections as it likes, and keeps 500 idle ones over HTTP/1.1.
        loose = name == "hey" and (job.protocol == "h2" or job.n > 500)
        by_place = name in clients.BARRIER or not job.keep or loose
        waves[i // job.n if by_place else (row[2] - 1) // job.streams].append(row)
    first = 1 if job.keep and name not in clients.CONNECTED and job.waves > 1 else 0
    return [w for k, w in sorted(waves.items()) if k >= first and len(w) == job.n]


def quantile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


class Table:
    """Figures by what was measured, client and size: one figure a round."""

    def __init__(self):
        self.cells = collections.defaultdict(list)
        self.refused = {}

    def add(self, what, name, n, value):
        self.cells[what, name, n].append(value)

    def median(self, what, name, n):
        values = self.cells.get((what, name, n))
        return statistics.median(values) if values else None


def measure(b, server, table, section, name, job):
    """One client, once: its figures go into the table."""
    server.get("reset")
    with tempfile.TemporaryDirectory(dir=b.work) as folder:
        job.folder = folder
        seen = clients.CLIENTS[name](b, job)
    rows = rows_of(server)
    if seen.refused:
        table.refused[section, name, job.n] = seen.refused
    waves = waves_of(name, job, rows)
    if seen.refused or not waves:
        table.refused.setdefault((section, name, job.n), f"{len(rows)} requests arrived, no whole burst")
        return
    table.add((section, "spread"), name, job.n, statistics.median((w[-1][3] - w[0][3]) / 1e6 for w in waves))
    if name in FLOOR.get(section, []):
        return  # it has no latencies
    for p, value in zip((50, 99), made(seen, rows, waves)):
        table.add((section, f"p{p}"), name, job.n, value / 1e6)
    warm = {r[0]: r[4] for w in waves for r in w}
    exact = [latency - warm[number] for number, latency in seen.by_id if warm.get(number)]
    if exact:
        for p in (50, 99):
            table.add((section, f"exact p{p}"), name, job.n, quantile(exact, p) / 1e6)


def made(seen, rows, waves):
    """p50 and p99 of what the client made of latency, over the given waves. The k-th request that a client started is
    taken to be the k-th that arrived; of a client that prints quantiles alone, the server's quantiles are taken off."""
    kept = {r[0] for w in waves for r in w}
    if seen.pairs and len(seen.pairs) == len(rows):
        pairs = sorted(seen.pairs)
        own = [latency - row[4] for (_, latency), row in zip(pairs, rows) if row[0] in kept]
        return [quantile(own, p) for p in (50, 99)]
    handled = [r[4] for r in rows if r[0] in kept]
    return [max(0, value - quantile(handled, p)) for p, value in zip((50, 99), seen.quantiles)]


def number(value):
    if value is None:
        return "–"
    decimals = 3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


KINDS = [("spread, ms", ("spread",)), ("client-made latency, p50 / p99, ms", ("p50", "p99")),
         ("client-made latency matched by number, p50 / p99, ms", ("exact p50", "exact p99"))]


def show(table, section, title, names, sizes):
    """Tables of one section. The ratio, to stellar's, is that of the last figure in a cell."""
    for kind, whats in KINDS:
        if not any(key[0] == (section, whats[0]) for key in table.cells):
            continue
        print(f"\n### {title}: {kind}\n\n| | {' | '.join(map(str, sizes))} |\n|---|{'---|' * len(sizes)}")
        for name in names:
            cells = [cell(table, section, whats, name, n) for n in sizes]
            if set(cells) != {"–"}:
                print(f"| {name} | {' | '.join(cells)} |")
    if section.startswith("new"):
        print("\nh2load's clock starts when it is connected, and original keeps two connections: in small bursts "
              "neither says what a new connection costs.")
    for (where, name, n), why in table.refused.items():
        if where == section:
            print(f"\n{name} at {n}: refused: {why}")


def cell(table, section, whats, name, n):
    values = [table.median((section, what), name, n) for what in whats]
    if values[-1] is None:
        return "refused" if (section, name, n) in table.refused else "–"
    base = table.median((section, whats[-1]), "stellar", n)
    return " / ".join(map(number, values)) + (f" ({values[-1] / base:.2f})" if base else "")


@contextlib.contextmanager
def pinned(b, server):
    """The client on core 0, the server on core 1."""
    b.prefix = ["taskset", "-c", "0"]
    server.pin("1")
    try:
        yield
    finally:
        b.prefix = []
        server.pin(f"0-{os.cpu_count() - 1}")


def sections(sizes):
    """(section, title, protocol of the server's port, connections kept, sizes, streams a connection, shared)."""
    two = [n for n in (1000, 3000) if n in sizes] or sizes
    one = [n for n in (1000,) if n in sizes] or sizes
    return {
        "spread": [("warm", "Warm connections, HTTP/1.1", "http1", True, sizes, 1, False)],
        "pinned": [("pinned", "Warm, client on core 0, server on core 1", "http1", True, two, 1, False)],
        "new": [("new", "New connections, plain", "http1", False, sizes, 1, False),
                ("new TLS", "New connections, TLS by X25519", "tls", False, one, 1, False)],
        "h2": [("h2", "HTTP/2 over TLS, shared connections", "h2", True, two, 200, True),
               ("h2c", "HTTP/2 in the clear, shared connections", "h2c", True, two, 200, True)],
        "grpc": [("grpc", "gRPC, shared connections", "grpc", True, two, max(sizes), True),
                 ("grpc per slot", "gRPC, a connection for each slot", "grpc", True, two, 1, False)],
    }


def run(b, server, table, args, parts):
    for k in range(args.rounds):
        print(f"round {k + 1} of {args.rounds}", file=sys.stderr)
        for section, _, protocol, keep, sizes, streams, shared in parts:
            names = ["stellar"] + [p for p in PEERS[protocol] + FLOOR.get(section, []) if p in args.peers]
            for n in sizes:
                # Turned by one from round to round, so that no client always comes after the same one.
                for name in names[k % len(names):] + names[:k % len(names)]:
                    job = clients.Job(n, "http1" if protocol == "tls" else protocol, keep, server.url(protocol), "",
                                      streams=min(streams, n), shared=shared)
                    if not keep and (name == "h2load" or n > 10 and name not in clients.BARRIER):
                        job.waves = 1  # later ones would overlap; h2load's would not be on new connections
                    elif n <= 10:
                        job.waves = 12  # a quantile of a handful says nothing
                    with pinned(b, server) if section == "pinned" else contextlib.nullcontext():
                        measure(b, server, table, section, name, job)
                    spread = number(latest(table, section, name, n))
                    print(f"  {section} {n} {name}: spread {spread} ms", file=sys.stderr)


def latest(table, section, name, n):
    values = table.cells.get(((section, "spread"), name, n))
    return values[-1] if values else None


def memory(b, server, table, args, n):
    """The most that a client had resident over one run of warm bursts."""
    b.watch = True
    for _ in range(min(args.rounds, 3)):
        for name in ["stellar"] + [p for p in PEERS["http1"] if p in args.peers]:
            server.get("reset")
            with tempfile.TemporaryDirectory(dir=b.work) as folder:
                seen = clients.CLIENTS[name](b, clients.Job(n, "http1", True, server.url("http1"), folder))
            if seen.memory and not seen.refused:
                table.add(("memory", "peak"), name, n, seen.memory)
    b.watch = False
    print(f"\n### Memory at its peak, {n} requests in flight\n\n| | MB | KB a request | ratio |\n|---|---|---|---|")
    base = table.median(("memory", "peak"), "stellar", n)
    for name in ["stellar"] + PEERS["http1"]:
        value = table.median(("memory", "peak"), name, n)
        if value:
            print(f"| {name} | {value / 1e6:.0f} | {value / n / 1e3:.1f} | {f'{value / base:.2f}' if base else '–'} |")


def main():
    parser = argparse.ArgumentParser(prog="bench-probe.sh", description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--only", default=",".join(ALL), help="sections, of: " + ", ".join(ALL))
    parser.add_argument("--sizes", default="1,10,100,500,1000,3000")
    parser.add_argument("--seconds", type=int, default=10, help="how long the sustained load lasts")
    parser.add_argument("--clients", default="", help="peers, of: " + ", ".join(clients.CLIENTS))
    for name in ("tools", "work", "stellar"):
        parser.add_argument("--" + name, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    wanted = args.only.split(",")
    if unknown := [w for w in wanted if w not in ALL]:
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(ALL)}")
    sizes = [int(n) for n in args.sizes.split(",")]
    peers, cert = os.path.join(args.work, "benchpeers"), os.path.join(args.work, "cert.pem")
    b = clients.Bench(args.tools, args.stellar, peers, args.work, cert)
    named = args.clients.split(",") if args.clients else list(clients.CLIENTS)
    args.peers = [p for p in clients.CLIENTS if (p in ("original", "write") or b.find(p)) and p in named]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    idle = busy = os.getloadavg()[0]
    table, server = Table(), Server(args.work)
    try:
        parts = [part for name, group in sections(sizes).items() if name in wanted for part in group]
        run(b, server, table, args, parts)
        busy = max(busy, os.getloadavg()[0])
        for section, title, protocol, _, of, _, _ in parts:
            heading = f"{title} (median of {args.rounds}; stellar = 1.00)"
            show(table, section, heading, ["stellar"] + PEERS[protocol] + FLOOR.get(section, []), of)
        if "memory" in wanted:
            memory(b, server, table, args, max(sizes))
    finally:
        server.close()
    if "platform" in wanted:
        platform.run(b, table, args.rounds, [n for n in (1000, 3000) if n in sizes] or sizes)
    if "sustained" in wanted:
        sustained.run(b, table, args)
    targets.show(table, sizes, wanted, PEERS)
    busy = max(busy, os.getloadavg()[0])
    print(f"\nThe machine's load when the bench began was {idle:.1f}, while it ran up to {busy:.1f}, "
          f"on {os.cpu_count()} cores.")
    if idle > 0.5:
        print("It was not idle: what else ran there is in these figures.")


if __name__ == "__main__":
    main()
