"""Servers with unusual responses, and servers that close connections early."""
import os
import shutil
import socket
import threading
import time

from bench import errors, expect


def case_05_obs_fold(b):
    "a folded header line is read as RFC 9112 says"
    b.published("05-obs-fold/fold.json", "http://" + b.serve("-mode", "fold"))
    code, out = b.run("-c", "exp.json", "-o", "out")
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 15, "rows") + errors(b.rows())


def kept(b, want, out):
    """No request opened its connection within its latency."""
    rows = b.rows()
    new = [r for r in rows if r["Connection"] == "new"]
    wrong = expect(len(rows), want, "rows\n" + out) + errors(rows)
    if new:
        bursts = sorted({r["Burst ID"] for r in new})
        wrong.append(f"{len(new)} of {len(rows)} requests opened a connection under reuse, bursts {bursts}")
    return wrong


class Held:
    """The longest time in s for which a thread that only sleeps was held up by the machine."""
    NAP = 0.002

    def __init__(self):
        self.worst, self.over = 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def watch(self):
        last = time.monotonic()
        while not self.over.wait(self.NAP):
            now = time.monotonic()
            self.worst, last = max(self.worst, now - last - self.NAP), now

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.worst


def undelayed(b, want, most=0.02, within=180):
    """Runs an experiment whose connections are to be kept. Where they are not and the machine held a thread up for
    longer than most, the run shows nothing, and it is made again, for so many s."""
    deadline = time.monotonic() + within
    while True:
        held = Held()
        try:
            _, out = b.run("-c", "exp.json", "-o", "out")
        finally:
            worst = held.stop()
        wrong = kept(b, want, out)
        if not wrong:
            return []
        if worst <= most or time.monotonic() > deadline:
            return wrong + [f"a sleeping thread was held up for {worst * 1000:.0f} ms"]
        shutil.rmtree(b.at("out"))


def case_06_reuse_http1(b):
    "the server closes idle connections before each burst: they are opened again outside any latency"
    b.published("06-reuse-idle-close/ka.json", "http://" + b.serve("-idle", "900ms"))
    return undelayed(b, 24)


def case_06_reuse_h2c(b):
    "the same over HTTP/2"
    b.published("06-reuse-idle-close/h2idle.json", "http://" + b.serve("-idle", "900ms"))
    return undelayed(b, 15)


def idle(name, protocol, tls, schedule, iat):
    def case(b):
        address = b.serve("-idle", "900ms", *(["-cert", b.at("cert.pem")] if tls else []))
        b.env["SSL_CERT_FILE"] = b.at("cert.pem")
        b.experiment(f"http{'s' if tls else ''}://{address}/", Bursts=5, IATSeconds=iat, Protocol=protocol,
                     Schedule=schedule, Connections="reuse")
        return undelayed(b, 15)
    case.__name__ = f"case_idle_{name}_{schedule}_{int(iat * 1000)}"
    case.__doc__ = f"idle connections close after 900 ms, IAT {int(iat * 1000)} ms"
    return case


PROTOCOLS = {"http1": ("http1", False), "https": ("http1", True), "h2c": ("h2c", False), "h2": ("h2", True)}
IDLE = [idle(n, p, t, s, iat) for n, (p, t) in PROTOCOLS.items() for s in ("closed", "open") for iat in (0.95, 1.2)]


def case_09_goaway(b):
    "streams that a GOAWAY leaves out are sent again"
    b.published("09-h2-goaway/h2goaway.json", "http://" + b.serve("-goaway", "4"))
    code, out = b.run("-c", "exp.json", "-o", "out")
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 30, "rows") + errors(b.rows())


def case_09_drain(b):
    "a server that drains its connection does not end the run: what it did not take is sent again"
    b.experiment(f"http://{b.serve('-mode', 'drain')}/", Bursts=3, BurstSizes=[20], Protocol="h2c", MaxErrorRatio=1)
    code, out = b.run("-c", "exp.json", "-o", "out")
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 60, "rows\n" + out) + errors(b.rows())


def nginx(b, server):
    """Starts Debian's nginx with its defaults and gives its address."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with open(b.at("nginx.conf"), "w") as f:
        f.write(f"daemon off; pid {b.at('nginx.pid')}; error_log {b.at('error.log')}; worker_processes 1;\n"
                f"events {{ }}\nhttp {{ access_log off;\n"
                f" client_body_temp_path {b.at('body')}; proxy_temp_path {b.at('proxy')};\n"
                f" fastcgi_temp_path {b.at('f')}; uwsgi_temp_path {b.at('u')}; scgi_temp_path {b.at('s')};\n"
                f" server {{ listen 127.0.0.1:{port}{server} location / {{ return 200 ok; }} }} }}\n")
    b.start(["nginx", "-c", b.at("nginx.conf"), "-e", b.at("error.log")])
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}/"
        time.sleep(0.02)
    with open(b.at("error.log")) as f:
        raise RuntimeError(f.read())


def case_nginx_h2c(b):
    "nginx drains its connection at the 1000th request (default keepalive_requests): 2100 requests, none lost"
    b.experiment(nginx(b, " http2;"), Bursts=30, BurstSizes=[70], Protocol="h2c")
    code, out = b.run("-c", "exp.json", "-o", "out")
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 2100, "rows") + errors(b.rows())


def case_nginx_keepalive(b):
    "nginx closes idle HTTP/1.1 connections 0.2 s before each burst"
    b.experiment(nginx(b, "; keepalive_timeout 1s;"), Bursts=4, BurstSizes=[20], IATSeconds=1.2, Connections="reuse")
    _, out = b.run("-c", "exp.json", "-o", "out")
    return kept(b, 80, out)


def case_33_endpoints_bom(b):
    "an endpoints file may begin with a byte order mark"
    folder = b.input("33-endpoints-bom")
    address = b.serve()
    path = os.path.join(folder, "eps", "aws.json")
    with open(path, "rb") as f:
        text = f.read()
    with open(path, "wb") as f:
        f.write(text.replace(b"127.0.0.1:18080", b"http://" + address.encode()))
    code, out = b.run("-c", "ep2.json", "-s=false", "-g", "eps", "-o", "../out", cwd=folder)
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 2, "rows") + errors(b.rows())


CASES = [case_05_obs_fold, case_06_reuse_http1, case_06_reuse_h2c, case_09_goaway, case_09_drain, case_nginx_h2c,
         case_nginx_keepalive, case_33_endpoints_bom] + IDLE
