"""The sustained load of the probe's bench: 64 connections for some seconds against nginx, one worker, a small file."""
import csv
import glob
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import bench_clients as clients

CONNECTIONS = 64
BODY = ('{"RequestID":"1","TimestampChain":["1732143600123456789"],'
        '"Instance":{"ID":"bench","Cold":false,"Invocation":7,"InitNs":1000000,"StartedAt":"1732143600123456789",'
        '"Runtime":"go","MemoryMB":128,"CPU":"2,bench","Host":"bench"},'
        '"ReceivedAt":"1732143600123456789","SpinNs":0,"Increments":0,"Hops":[],"Sink":0}')
NGINX = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log stderr crit; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; default_type application/json;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
  uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{ listen 127.0.0.1:{port}; root {dir}/www; }}
}}
"""


class Nginx:
    """nginx in a folder of its own. It is told to end when this script does, however that ends."""

    def __init__(self, b):
        self.dir = tempfile.mkdtemp(dir=b.work)
        os.mkdir(os.path.join(self.dir, "www"))
        with open(os.path.join(self.dir, "www", "f"), "w") as f:
            f.write(BODY)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = os.path.join(self.dir, "nginx.conf")
        with open(config, "w") as f:
            f.write(NGINX.format(dir=self.dir, port=self.port, user="user root;" if os.geteuid() == 0 else ""))
        argv = b.tied[:-1] + ["TERM"] if b.tied else []
        argv += [b.find("nginx"), "-e", "stderr", "-c", config, "-p", self.dir]
        self.child = subprocess.Popen(argv, env=b.env, stdin=subprocess.DEVNULL)
        for _ in range(100):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.close()
        raise RuntimeError("nginx does not listen")

    def close(self):
        self.child.terminate()
        self.child.wait(10)
        shutil.rmtree(self.dir)


def printed(b, argv, pattern, seconds):
    """Runs a client that prints its rate."""
    out, complaint = b.call(argv, timeout=seconds + 60)
    found = re.search(pattern, out)
    return (float(found.group(1)), "") if found else (None, complaint or "it printed no rate")


def wrk(b, url, seconds, _):
    argv = [b.find("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    return printed(b, argv, r"Requests/sec:\s*([\d.]+)", seconds)


def h2load(b, url, seconds, _):
    argv = [b.find("h2load"), "--h1", "-t1", f"-c{CONNECTIONS}", "-D", str(seconds), url]
    return printed(b, argv, r"finished in [^,]*, ([\d.]+) req/s", seconds)


def hey(b, url, seconds, _):
    argv = [b.find("hey"), "-z", f"{seconds}s", "-c", str(CONNECTIONS), url]
    return printed(b, argv, r"Requests/sec:\s*([\d.]+)", seconds)


def fortio(b, url, seconds, folder):
    name = os.path.join(folder, "fortio.json")
    _, complaint = b.call([b.find("fortio"), "load", "-quiet", "-c", str(CONNECTIONS), "-qps", "0", "-t", f"{seconds}s",
                           "-json", name, url], timeout=seconds + 60)
    if complaint:
        return None, complaint
    with open(name) as f:
        return json.load(f)["ActualQPS"], ""


K6 = """
import http from 'k6/http';
export const options = { scenarios: { bench: { executor: 'constant-vus', vus: %d, duration: '%ds' } } };
export default function () { http.get('%s'); }
export function handleSummary(data) { return { stdout: 'rate ' + data.metrics.http_reqs.values.rate }; }
"""


def k6(b, url, seconds, folder):
    name = os.path.join(folder, "k6.js")
    with open(name, "w") as f:
        f.write(K6 % (CONNECTIONS, seconds, url))
    argv = [b.find("k6"), "run", "--quiet", "--no-color", "--log-output=none", name]
    return printed(b, argv, r"rate ([\d.]+)", seconds)


def original(b, url, seconds, _):
    argv = [b.peers, "-url", url, "-n", str(CONNECTIONS), "-sustain", f"{seconds}s"]
    return printed(b, argv, r"([\d.]+) requests/s", seconds)


def stellar(b, url, seconds, folder):
    """Good rows on disk, by the time from the first request's sending to the last one's answer."""
    path = os.path.join(folder, "experiment.json")
    sub = {"Title": "load", "RatePerSecond": 200000, "DurationSeconds": seconds, "MaxConnections": CONNECTIONS,
           "Connections": "reuse", "Visualization": "none", "MaxErrorRatio": 1}
    with open(path, "w") as f:
        json.dump({"Provider": url, "Sequential": True, "SubExperiments": [sub]}, f)
    argv = [b.stellar, "-c", path, "--yes", "-o", os.path.join(folder, "out")]
    _, complaint = b.call(argv, timeout=seconds + 120, cwd=folder)
    count, first, last = 0, "9", ""
    for name in glob.glob(os.path.join(folder, "out", "2*", "*", "latencies.csv")):
        with open(name, newline="") as f:
            rows = csv.reader(f)
            head = next(rows)
            sent, received, status, error = (head.index(c) for c in ("Sent At", "Received At", "Status", "Error"))
            for row in rows:
                first = min(first, row[sent])
                if row[status] == "200" and not row[error]:
                    count, last = count + 1, max(last, row[received])
    if complaint or not count:
        return None, complaint or "no rows"
    return count / (clients.nanoseconds(last) - clients.nanoseconds(first)) * 1e9, ""


CLIENTS = {"stellar": stellar, "wrk": wrk, "h2load": h2load, "fortio": fortio, "hey": hey, "k6": k6,
           "original": original}


def run(b, table, args):
    if not b.find("nginx"):
        print("\nsustained: not measured, there is no nginx")
        return
    names = [n for n in CLIENTS if n in ("stellar", "original") or b.find(n)]
    names = [n for n in names if not args.clients or n in ("stellar", "wrk") or n in args.clients.split(",")]
    server = Nginx(b)
    try:
        for k in range(args.rounds):
            turn = k % len(names)
            for name in names[turn:] + names[:turn]:
                with tempfile.TemporaryDirectory(dir=b.work) as folder:
                    rate, why = CLIENTS[name](b, f"http://127.0.0.1:{server.port}/f", args.seconds, folder)
                if rate:
                    table.add(("sustained", "rate"), name, CONNECTIONS, rate)
                else:
                    table.refused["sustained", name, CONNECTIONS] = why
                print(f"  sustained {k + 1}/{args.rounds} {name}: {rate or why}", file=sys.stderr)
    finally:
        server.close()
    show(table, args, names)


def show(table, args, names):
    print(f"\n### Sustained, {CONNECTIONS} connections, {args.seconds} s, nginx (median of {args.rounds})\n")
    print("| | requests/s (least–most) | of wrk's | of stellar's |\n|---|---|---|---|")
    wrks, ours = (table.median(("sustained", "rate"), n, CONNECTIONS) for n in ("wrk", "stellar"))
    for name in names:
        values = table.cells.get((("sustained", "rate"), name, CONNECTIONS))
        if not values:
            print(f"| {name} | refused: {table.refused['sustained', name, CONNECTIONS]} | | |")
            continue
        mid = statistics.median(values)
        ratios = " | ".join(f"{mid / base:.2f}" if base else "–" for base in (wrks, ours))
        print(f"| {name} | {mid:.0f} ({min(values):.0f}–{max(values):.0f}) | {ratios} |")
