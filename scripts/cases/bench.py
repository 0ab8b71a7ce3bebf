"""A bench is the environment of one case: folders, environment, servers, and the tool's output."""
import csv
import glob
import json
import os
import shutil
import signal
import subprocess
import time


class Bench:
    def __init__(self, stellar, work, inputs, name):
        self.stellar, self.server_binary, self.inputs = stellar, os.path.join(work, "server"), inputs
        self.dir = os.path.join(work, name)
        for d in ("", "home", "tmp", "state"):
            os.mkdir(self.at(d))
        repo = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        osls = os.path.join(repo, "scripts", "serverless", "node_modules", ".bin")
        home = os.path.expanduser("~")
        self.env = dict(os.environ, HOME=self.at("home"), TMPDIR=self.at("tmp"), XDG_STATE_HOME=self.at("state"),
                        STELLAR_CACHE_DIR=os.path.join(work, "cache"), PATH=osls + ":" + os.environ["PATH"],
                        GOCACHE=os.environ.get("GOCACHE", os.path.join(home, ".cache", "go-build")),
                        GOMODCACHE=os.environ.get("GOMODCACHE", os.path.join(home, "go", "pkg", "mod")))
        self.processes = []

    def at(self, *parts):
        return os.path.join(self.dir, *parts)

    def input(self, name):
        """A copy of a case's inputs, to work in."""
        to = self.at("input")
        shutil.copytree(os.path.join(self.inputs, name), to, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", to], check=True)
        return to

    def experiment(self, provider, **keys):
        """Writes exp.json with one sub-experiment."""
        sub = {"Title": "t", "Bursts": 5, "BurstSizes": [3], "IATSeconds": 0.05, "IATType": "deterministic",
               "TimeoutSeconds": 5}
        sub.update(keys)
        with open(self.at("exp.json"), "w") as f:
            json.dump({"Provider": provider, "Seed": 1, "SubExperiments": [sub]}, f)

    def published(self, case, url):
        """Writes exp.json as the case's own file, with the address of the server that runs here."""
        with open(os.path.join(self.inputs, case)) as f:
            exp = json.load(f)
        old = exp["Provider"]
        exp["Provider"] = url + old[old.index("/", len("http://")):]
        with open(self.at("exp.json"), "w") as f:
            json.dump(exp, f)

    def run(self, *args, seconds=900, cwd=None):
        """Runs stellar and gives exit code and what it printed, both streams together."""
        p = subprocess.run([self.stellar, *args], cwd=cwd or self.dir, env=self.env, timeout=seconds,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return p.returncode, p.stdout.decode(errors="replace")

    def serve(self, *flags):
        """Starts the Go server and gives its address."""
        p = subprocess.Popen([self.server_binary, *flags], stdout=subprocess.PIPE, text=True)
        self.processes.append(p)
        return p.stdout.readline().strip()

    def start(self, args):
        p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(p)
        return p

    def rows(self, out="out"):
        rows = []
        for path in sorted(glob.glob(self.at(out, "2*", "*", "latencies.csv"))):
            with open(path, newline="") as f:
                rows += list(csv.DictReader(f))
        return rows

    def folder(self, out="out"):
        found = sorted(glob.glob(self.at(out, "2*")))
        return found[-1] if found else ""

    def await_stage(self, stage, out="out", seconds=600):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with open(os.path.join(self.folder(out), "journal.jsonl")) as f:
                    if f'"detail":"{stage}"' in f.read():
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise TimeoutError(f"the run never came to {stage!r}")

    def close(self):
        for p in self.processes:
            p.send_signal(signal.SIGTERM)
        for p in self.processes:
            p.wait()
        self.processes = []

    def left(self):
        """Processes and folders of runs that are still there: each case must end without any."""
        found = []
        # A platform that runs shared leaves its lock and its log.
        for pattern in ("tmp/stellar-*", "state/stellar/runs/*", "state/stellar/local/platform-*"):
            found += [f"{p} is left" for p in glob.glob(self.at(pattern))]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as e, open(f"/proc/{pid}/cmdline", "rb") as c:
                    if (self.dir + "/").encode() in e.read() + c.read():
                        found.append(f"process {pid} is left")
                        os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        return found


def expect(got, want, what):
    return [] if got == want else [f"{what}: {got!r}, want {want!r}"]


def errors(rows, want=0):
    """Rows that failed, by class."""
    failed = [r["Error"] for r in rows if r["Error"]]
    if len(failed) == want:
        return []
    return [f"{len(failed)} of {len(rows)} rows failed, want {want}: {sorted(set(failed))}"]
