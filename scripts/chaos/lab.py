"""A lab is a home of its own for one run: folders, environment, the process, and what it leaves."""
import glob
import http.server
import json
import os
import shutil
import signal
import socketserver
import subprocess
import threading
import time

MIB = 1 << 20


def _local(**keys):
    sub = {"Title": "t", "Function": "measure", "Runtime": "go", "Bursts": 25, "BurstSizes": [3], "IATSeconds": 0.08,
           "IATType": "deterministic", "FunctionMemoryMB": 256, "MaxErrorRatio": 0.5}
    sub.update(keys)
    return {"Provider": "local", "Seed": 1, "Sequential": True, "SubExperiments": [sub]}


workloads = {
    "go": _local(),
    "python": _local(Runtime="python3.13", Platform={"KeepAliveSeconds": 0.05}),
    "sized": _local(FunctionImageSizeMB=20, DesiredServiceTimes=["5ms"], Parallelism=3),
    "forks": _local(Function="forks", Handler="main.lambda_handler", Runtime="python3.13"),
    "image": _local(PackageType="Image"),
    "url": {"Provider": "$URL", "Seed": 1, "SubExperiments": [
        {"Title": "t", "Bursts": 40, "BurstSizes": [3], "IATSeconds": 0.05, "IATType": "deterministic"}]},
}


FORKS = '''import os, time

# At start: a plain child, and a grandchild in a session of its own, as a careless library would leave them.
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
            os._exit(0)
        os._exit(0)
    time.sleep(300)
    os._exit(0)


def lambda_handler(event, context):
    return "ok"
'''


class Places:
    """What all labs share: the binary, the Serverless CLI, and builds that were made beforehand."""

    def __init__(self, repo, top, binary, docker):
        self.repo, self.top, self.docker = repo, top, docker
        self.bin = os.path.join(top, "bin")
        os.makedirs(self.bin)
        self.stellar = os.path.join(self.bin, "stellar")
        shutil.copy2(binary, self.stellar)
        self.modules = os.path.join(repo, "scripts", "serverless", "node_modules")
        # The compiled code of the Serverless CLI, which every user may read and add to.
        self.preload = shutil.copy2(os.path.join(repo, "scripts", "suite", "compilecache.cjs"), self.bin)
        self.compiled = os.path.join(top, "node")
        os.mkdir(self.compiled)
        os.chmod(self.compiled, 0o1777)
        self.cache = os.path.join(top, "cache")
        self.gocache = os.path.join(top, "gocache")  # the ordinary user's, who may not use ours
        self.own_gocache = subprocess.run(["go", "env", "GOCACHE"], stdout=subprocess.PIPE, text=True,
                                          check=True).stdout.strip()

    def prepare(self, uid):
        """Builds each workload once; an ordinary user gets a Serverless CLI and builds that it may read."""
        # Go lays out a cache with the first thing it builds. What the workloads need is in stellar's own cache.
        subprocess.run(["go", "build", "unicode/utf8"], env=dict(os.environ, GOCACHE=self.gocache), check=True)
        if uid is not None:
            open_modules = os.path.join(self.top, "serverless", "node_modules")
            shutil.copytree(self.modules, open_modules, symlinks=True)
            self.modules = open_modules
        for name in ("go", "python") + (("image",) if self.docker else ()):
            lab = Lab(self, name, None)
            with lab:
                lab.start()
                if lab.wait(300) != 0:
                    raise SystemExit(f"chaos: the {name} workload fails without a fault:\n{lab.output()[-3000:]}")
            lab.destroy()
        subprocess.run(["chmod", "-R", "a+rX", self.cache, self.gocache], check=True)

    def osls(self):
        return os.path.join(self.modules, ".bin")


class Lab:
    def __init__(self, places, workload, uid):
        self.places, self.workload, self.uid = places, workload, uid
        self.dir = os.path.join(places.top, f"lab-{os.urandom(4).hex()}")
        self.process = self.server = None
        self.mounts, self.runs, self.handed = [], 0, 0
        for d in ("", "home", "tmp", "out", "state", "cache"):
            os.mkdir(self.at(d))
            self.own(self.at(d))

    def at(self, *parts):
        return os.path.join(self.dir, *parts)

    def own(self, path):
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def __enter__(self):
        exp = json.dumps(workloads[self.workload])
        if self.workload == "url":
            self.server = Counting()
            exp = exp.replace("$URL", self.server.url)
        with open(self.at("exp.json"), "w") as f:
            f.write(exp)
        os.mkdir(self.at("forks"))
        with open(self.at("forks", "main.py"), "w") as f:
            f.write(FORKS)
        if os.path.isdir(self.places.cache):
            subprocess.run(["cp", "-a", self.places.cache + "/.", self.at("cache")], check=True)
            if self.uid is not None:
                subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", self.at("cache")], check=True)
        return self

    def __exit__(self, kind, value, trace):
        """Ends what is left, whatever was found: the next schedule must not see it."""
        if not os.path.isdir(self.places.cache) and kind is None:
            subprocess.run(["cp", "-a", self.at("cache"), self.places.cache], check=True)
        for pid in processes_of(self.dir):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.server:
            self.server.close()
        for m in reversed(self.mounts):
            subprocess.run(["umount", "-l", m], capture_output=True)
        self.mounts = []

    def destroy(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self):
        home = os.path.expanduser("~")
        path = [self.places.osls(), "/usr/local/go/bin", "/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        if self.uid is None:
            path = [self.places.osls()] + os.environ["PATH"].split(":")
        env = {"PATH": ":".join(path), "HOME": self.at("home"), "TMPDIR": self.at("tmp"), "LANG": "C.UTF-8",
               "XDG_STATE_HOME": self.at("state"), "STELLAR_CACHE_DIR": self.at("cache"),
               "GOCACHE": self.places.own_gocache if self.uid is None else self.places.gocache,
               "GOFLAGS": "-mod=mod", "GOPROXY": "off", "NODE_OPTIONS": "--require " + self.places.preload,
               "STELLAR_TEST_NODE_CACHE": self.places.compiled}
        if self.uid is None:
            env["GOMODCACHE"] = os.environ.get("GOMODCACHE", os.path.join(home, "go", "pkg", "mod"))
        return env

    def command(self, *args, ignore=(), **more):
        """Starts stellar, with the named signals ignored from the start, as nohup does it."""
        start = ["sh", "-c", f"trap '' {' '.join(ignore)}; exec \"$@\"", "sh"] if ignore else []
        who = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        return subprocess.Popen([*start, self.places.stellar, *args], cwd=self.dir, env=self.environment(),
                                stdin=subprocess.DEVNULL, **who, **more)

    def start(self, *extra, stdout=None, stderr=None, ignore=()):
        """Starts a run in a process group of its own, its output in a file unless told otherwise."""
        self.runs += 1
        log = open(self.at(f"screen{self.runs}.txt"), "wb")
        self.process = self.command("-c", "exp.json", "-o", "out", *extra, stdout=stdout or log, stderr=stderr or log,
                                    ignore=ignore, start_new_session=True)
        log.close()
        return self.process

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def output(self):
        """What was shown, else what was logged."""
        for pattern in (self.at("screen*.txt"), self.at("out", "*", "run_logs.txt")):
            text = ""
            for path in sorted(glob.glob(pattern)):
                with open(path, errors="replace") as f:
                    text += f.read()
            if text:
                return text
        return ""

    def folder(self):
        found = sorted(glob.glob(self.at("out", "2*")))
        return found[-1] if found else ""

    def journal(self):
        """The entries of the newest run that can be read."""
        entries = []
        try:
            with open(os.path.join(self.folder(), "journal.jsonl"), "rb") as f:
                for line in f:
                    try:
                        entries.append(json.loads(line))
                    except ValueError:
                        pass
        except OSError:
            pass
        return entries

    def await_stage(self, stage, seconds=600):
        """Waits until the run has come to a stage ("removing": its first removal). False if it ended before."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for e in self.journal():
                began = (e.get("event"), e.get("detail")) == ("stage", stage)
                if began or (e.get("event"), stage) == ("removed", "removing"):
                    return True
            if self.process.poll() is not None:
                return False
            time.sleep(0.002)
        return False

    def sent(self):
        """Requests that functions, or the server, had taken in."""
        if self.server:
            return self.server.count
        n = 0
        for path in glob.glob(self.at("state", "stellar", "local", "*", "logs", "**", "*.log"), recursive=True):
            try:
                with open(path, errors="replace") as f:
                    n += sum("START RequestId" in line for line in f)
            except OSError:
                pass
        return n

    def rows(self):
        """Whole rows on disk, over all latencies.csv."""
        n = 0
        for path in glob.glob(self.at("out", "2*", "*", "latencies.csv")):
            try:
                with open(path, "rb") as f:
                    n += max(0, f.read().count(b"\n") - 1)
            except OSError:
                pass
        return n

    def tmpfs(self, name, size):
        path = self.at(name)
        options = f"size={size},mode=755"
        if self.uid is not None:
            options += f",uid={self.uid},gid={self.uid}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "chaos", path], check=True)
        self.mounts.append(path)
        return path


def fill(path, spare):
    """Fills a file system up to spare bytes (whole pages)."""
    filler = os.path.join(path, "filler")
    with open(filler, "wb", buffering=0) as f:
        for size in (MIB, 4096):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                pass
        if spare:
            f.truncate(max(0, f.tell() - spare))
    return filler


def processes_of(folder):
    """Processes whose arguments, environment or working directory name the folder."""
    found = []
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                text = f.read()
            with open(f"/proc/{pid}/stat", "rb") as f:
                if f.read().rpartition(b")")[2].split()[0] in (b"Z", b"X"):
                    continue
            with open(f"/proc/{pid}/environ", "rb") as f:
                text += f.read()
            text += os.readlink(f"/proc/{pid}/cwd").encode()
            text += os.readlink(f"/proc/{pid}/exe").encode()
        except OSError:
            pass
        if folder.encode() in text:
            found.append(int(pid))
    return found


class Counting:
    """A web server that counts its requests."""

    def __init__(self):
        self.count, lock = 0, threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with lock:
                    outer.count += 1
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
