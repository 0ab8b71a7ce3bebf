"""What is done to a run. A fault's play() starts the run, acts, waits for its end, and returns what checks.py needs."""
import os
import shutil
import signal
import time

from checks import Broken
from lab import fill, processes_of

LOCAL = ("go", "python", "sized", "forks", "image")
EVERY = LOCAL + ("url",)
MAKING = ("building functions", "writing packages", "starting the local platform", "deploying functions")
LATER = ("probing", "probing", "writing statistics and plots", "removing")
WITHIN = 120  # seconds after which a run that does not end is broken


class Fault:
    """A fault: the exit codes that are right where it struck, the stages and workloads it makes sense in, whether it
    needs root."""

    def __init__(self, name, act, codes, stages=MAKING + LATER, workloads=EVERY, root=False, rows=True, prepare=None,
                 start=None):
        self.name, self.act, self.codes, self.stages, self.workloads = name, act, codes, stages, workloads
        self.root, self.rows, self.prepare, self.begin = root, rows, prepare, start

    def play(self, lab, schedule):
        """The run with this fault: exit code, whether it struck, what was on disk when it did."""
        if self.prepare:
            self.prepare(lab)
        (self.begin or start_plain)(lab)
        stage = schedule.stage
        if lab.workload == "url" and stage not in LATER[:3]:
            stage = "probing"
        struck = lab.await_stage(stage)
        time.sleep(schedule.delay)
        before = {"sent": lab.sent(), "rows": lab.rows(), "codes": self.codes}
        before["struck"] = struck and lab.process.poll() is None and self.act(lab, schedule.rng, before) is not False
        before["code"] = lab.wait(WITHIN)
        if before["code"] is None:
            raise Broken(f"the run does not end within {WITHIN} s")
        return before


def start_plain(lab):
    lab.start()


def send(*signals, pause=0.4):
    def act(lab, rng, before):
        before["at"] = time.time()
        for i, s in enumerate(signals):
            if i:
                time.sleep(rng.uniform(0, pause))
            try:
                lab.process.send_signal(s)
            except ProcessLookupError:
                pass
    return act


def stop_and_continue(lab, rng, _):
    lab.process.send_signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.2, 3))
    lab.process.send_signal(signal.SIGCONT)


def piped(both):
    """The run's output goes to a pipe that is closed later."""
    def start(lab):
        r, w = os.pipe()
        lab.start(stdout=w, stderr=w if both else None)
        os.close(w)
        lab.reader = r
    return start


def close_pipe(*then):
    def act(lab, rng, before):
        os.close(lab.reader)
        if then:
            time.sleep(rng.choice([0, rng.uniform(0, 0.3)]))
            send(*then)(lab, rng, before)
    return act


def ignoring(*names):
    """Starts the run as nohup, and shells without job control, do: with signals ignored."""
    return lambda lab: lab.start(ignore=names)


def full(name, size):
    """A disk of that size at the lab's folder, and an act that fills it up to a few bytes, or pages."""
    def prepare(lab):
        lab.disk = lab.tmpfs(name, size)

    def act(lab, rng, _):
        fill(lab.disk, rng.choice([0, 0, 4096, 8192, 16384]))
    return prepare, act


def platform_pid(lab):
    for e in reversed(lab.journal()):
        r = e.get("resource", {})
        if r.get("kind") == "platform" and r.get("attrs", {}).get("pid"):
            return int(r["attrs"]["pid"])
    return None


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill_all(pids, number=signal.SIGKILL):
    done = False
    for pid in pids:
        try:
            os.kill(pid, number)
            done = True
        except (ProcessLookupError, TypeError):
            pass
    return done


def kill_platform(lab, rng, _):
    pid = platform_pid(lab)
    return bool(pid) and kill_all([pid])


def stop_platform(lab, rng, _):
    pid = platform_pid(lab)
    if not pid or not kill_all([pid], signal.SIGSTOP):
        return False
    time.sleep(rng.uniform(0.2, 2))
    return kill_all([pid], signal.SIGCONT)


def stellar_processes(lab):
    return [p for p in processes_of(lab.dir) if "stellar" in command_of(p).split(" ")[0]]


def kill_every_stellar(lab, rng, _):
    pids = set(stellar_processes(lab)) | {lab.process.pid, platform_pid(lab)} - {None}
    return kill_all(pids)


def kill_watcher(lab, rng, _):
    pids = [p for p in stellar_processes(lab) if p not in (lab.process.pid, platform_pid(lab))]
    return kill_all(pids)


def kill_function(lab, rng, _):
    tool = {lab.process.pid, platform_pid(lab)}
    found = [p for p in processes_of(lab.at("state")) if p not in tool]
    found = [p for p in found if any(word in command_of(p) for word in ("bootstrap", "python"))]
    return bool(found) and kill_all([rng.choice(found)])


def kill_osls(lab, rng, _):
    for _ in range(400):
        found = [p for p in processes_of(lab.dir) if "osls" in command_of(p)]
        if found:
            time.sleep(rng.uniform(0, 0.4))
            return kill_all(found)
        if lab.process.poll() is not None:
            return False
        time.sleep(0.005)
    return False


def remove_folder(lab, rng, _):
    shutil.rmtree(lab.folder(), ignore_errors=True)


def second_run(lab, rng, before):
    """Another run in the same output and state; the first one is killed, the second one must not notice."""
    first = lab.process
    time.sleep(1.1)
    lab.start()
    time.sleep(rng.uniform(0, 3))
    first.kill()
    first.wait()
    before["codes"] = {0}


def clean_beside(lab, rng, before):
    """`clean` leaves a live run alone, `clean --all` too."""
    args = rng.choice([["clean"], ["clean", "--all"], ["clean"]])
    with open(lab.at("screen-clean.txt"), "wb") as screen:
        p = lab.command(*args, stdout=screen, stderr=screen)
    if p.wait(60) != 0:
        raise Broken(f"stellar {' '.join(args)} beside a live run: exit code {p.returncode}")


OUT, CACHE, TMP, STATE = full("out", "48m"), full("cache", "96m"), full("tmp", "96m"), full("state", "48m")
INT, TERM, HUP, KILL = signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL

ALL = [
    Fault("none", lambda *_: None, {0}),
    Fault("SIGINT", send(INT), {130}),
    Fault("SIGKILL", send(KILL), {-9}),
    Fault("closed pipes", close_pipe(), {0}, start=piped(True)),
    Fault("closed pipes, SIGINT", close_pipe(INT), {130}, start=piped(True)),
    Fault("disk of output full", OUT[1], {0, 1, 3}, root=True, prepare=OUT[0], workloads=("go", "python", "url")),
    Fault("platform killed", kill_platform, {0, 1, 3}, stages=("deploying functions", "probing"), workloads=LOCAL),
    Fault("every stellar killed", kill_every_stellar, {-9}, workloads=LOCAL),
    Fault("SIGINT twice", send(INT, INT, pause=1.5), {130}),
    Fault("SIGTERM", send(TERM), {130}),
    Fault("SIGHUP", send(HUP), {130}),
    Fault("disk of state full", STATE[1], {0, 1, 3}, root=True, prepare=STATE[0], workloads=("go", "python", "url")),
    Fault("osls killed", kill_osls, {0, 1}, stages=("deploying functions", "removing"), workloads=("go", "python")),
    Fault("function killed", kill_function, {0, 3}, stages=("probing",), workloads=("go", "python", "sized")),
    Fault("clean beside", clean_beside, {0}),
    Fault("two runs, one killed", second_run, {0}, stages=MAKING + ("probing",), workloads=("go", "python", "url")),
    Fault("folder removed", remove_folder, {0, 1, 3}, rows=False, workloads=("go", "python", "url")),
    Fault("disk of TMPDIR full", TMP[1], {0, 1, 3}, root=True, prepare=TMP[0], workloads=("go", "python")),
    # The Serverless CLI keeps files of its own there. Without space for them, the platform itself is asked to remove.
    Fault("disk of cache full", CACHE[1], {0, 1}, root=True, prepare=CACHE[0], workloads=("go", "python"),
          stages=("generating function code", "building functions")),
    Fault("stopped, continued", stop_and_continue, {0}),
    Fault("closed stdout", close_pipe(), {0}, start=piped(False)),
    Fault("closed pipes, SIGTERM", close_pipe(TERM), {130}, start=piped(True)),
    Fault("nohup, SIGHUP", send(HUP), {0}, start=ignoring("HUP")),
    Fault("background, SIGINT", send(INT), {0}, start=ignoring("INT")),
    Fault("platform stopped", stop_platform, {0}, stages=("deploying functions", "probing"), workloads=LOCAL),
    Fault("watcher killed", kill_watcher, {0, 1, 3}, stages=("probing",), workloads=LOCAL),
    Fault("SIGINT, SIGKILL", send(INT, KILL), {-9, 130}),
]
