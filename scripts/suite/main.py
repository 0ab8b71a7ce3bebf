"""The test suite of scripts/test.sh: all parts in one pool of jobs, and alone and last the one that measures time."""
import argparse
import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import parts
import programs
from parts import Part, Result, Script

NAMES = ("suite", "unit", "data", "tools", "peers", "acceptance", "cases", "chaos", "fidelity")

WAITING = "-parallel=4"  # tests that run side by side wait most of their time
ROOM = 1.05  # of each core: more at once only makes each of them slower
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Go collects garbage from 16 MiB on and not from 4, so that most processes end before. Not in the parts that hold a
# process to its memory or its times.
LATE_GC = {"GOGC": "400"}
MEASURED = ("tools", "data", "fidelity")


def parse(argv):
    p = argparse.ArgumentParser(prog="scripts/test.sh", description=__doc__,
                                epilog="Other flags go to `go test`: -run TestX.")
    mode = p.add_mutually_exclusive_group()
    mode.add_argument("--quick", action="store_true", help="unit tests alone, no race detector, Go's cache")
    mode.add_argument("--race", action="store_true", help="every part with the race detector, stellar too")
    p.add_argument("--only", default="", help="these parts, with commas: " + ", ".join(NAMES))
    p.add_argument("--slowest", type=int, default=0, help="show so many of the slowest tests")
    args, flags = p.parse_known_args(argv)
    args.only = args.only.split(",") if args.only else list(NAMES)
    if unknown := [n for n in args.only if n not in NAMES]:
        p.error("no such part: " + ", ".join(unknown))
    if args.quick:
        args.only = ["unit"]
    return args, flags


def cache():
    """The folder of what stays for later runs of the suite."""
    above = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(above, "stellar-acceptance")


def build(work, race):
    """Builds the binary that acceptance tests, cases and schedules share."""
    binary = os.path.join(work, "stellar")
    keep, variables = programs.keeping(os.path.join(cache(), "programs"), "race" if race else "plain")
    env = dict(os.environ, CGO_ENABLED="1" if race else "0", **variables)
    command = ["go", "build", "-trimpath", *keep, *(["-race"] if race else []), "-o", binary, "./src"]
    if subprocess.run(command, env=env).returncode != 0:
        parts.fail("stellar does not build")
    return binary


def environment(work, binary, race):
    """What the tests share: the binary, and folders for what takes seconds to make."""
    env = dict(os.environ, STELLAR=binary, STELLAR_TEST_BINARY=binary, STELLAR_TEST_RACE="1" if race else "",
               STELLAR_TEST_BUILDS=os.path.join(work, "builds"),
               STELLAR_TEST_PROGRAMS=os.path.join(cache(), "programs"))
    env["TMPDIR"] = scratch(work)
    os.mkdir(env["TMPDIR"])
    os.chmod(env["TMPDIR"], 0o1777)  # some tests run programs as another user
    env["SLS_SCHEMA_CACHE_BASE_DIR"] = env["STELLAR_TEST_BUILDS"]  # as stellar itself sets it
    # The CLIs in Node.js compile their modules once, and collect garbage less often: most of what a start makes stays.
    preload = os.path.join(HERE, "compilecache.cjs")
    env["NODE_OPTIONS"] = ("%s --max-semi-space-size=64 --require %s" % (env.get("NODE_OPTIONS", ""), preload)).strip()
    # The race detector's report is complete when a test program ends; by default it waits a second more.
    env.setdefault("GORACE", "atexit_sleep_ms=50")
    # Builds of a few classes end before the JVM's second compiler pays.
    env.setdefault("GRADLE_OPTS", QUICK_JVM)
    env.setdefault("MAVEN_OPTS", QUICK_JVM)
    # Node.js reads these certificates at every start, which doubles what a start costs; no test speaks to a host of
    # which it would need them.
    env.pop("NODE_EXTRA_CA_CERTS", None)
    root = subprocess.run(["go", "env", "GOROOT"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    path = [os.path.join(root, "bin"), quick_javac(os.path.join(cache(), "javac")),
            plain_python(os.path.join(cache(), "python")), direct_python(env["PATH"])]
    env["PATH"] = os.pathsep.join(filter(None, path))  # Go's own programs first, as `go test` has them
    os.mkdir(env["STELLAR_TEST_BUILDS"])
    # Compressed sizes of base images' layers stay for later runs of the suite, and so do the schemas that the
    # Serverless CLI compiles, which takes it seconds: both are named by a hash of their content.
    for name, kept in (("layers", "layers"), (".serverless", "schemas")):
        folder = os.path.join(cache(), kept)
        os.makedirs(folder, exist_ok=True)
        os.symlink(folder, os.path.join(env["STELLAR_TEST_BUILDS"], name))
    env["STELLAR_TEST_NODE_CACHE"] = node_cache(os.path.join(cache(), "node"))
    return env


def scratch(work):
    """The folder for temporary files of all tests. The name is short, as paths of sockets have to be."""
    return os.path.join(work, "t")


def leftovers(work):
    """A result that fails where tests have left temporary files: a program of ours may have left them."""
    result = Result("left")
    left = sorted(os.listdir(scratch(work))) if os.path.isdir(scratch(work)) else []
    result.began = result.ended = time.monotonic()
    result.passed, result.failed = int(not left), len(left)
    result.failures = ["FAIL left in the folder for temporary files: " + name for name in left]
    return result


def node_cache(above, scripts=os.path.dirname(HERE)):
    """The folder in which compiled modules of the CLIs in Node.js stay for later runs of the suite. It is named by a
    hash of all installed modules' paths and times; what was kept of other installations is removed."""
    installed = hashlib.sha256()
    for name in sorted(os.listdir(scripts)):
        for folder, folders, files in os.walk(os.path.join(scripts, name, "node_modules")):
            folders.sort()
            for file in sorted(f for f in files if f.endswith(("js", "json"))):
                path = os.path.join(folder, file)
                installed.update(("%s %d\n" % (path, os.lstat(path).st_mtime_ns)).encode())
    folder = os.path.join(above, installed.hexdigest()[:16])
    os.makedirs(folder, exist_ok=True)
    for other in os.listdir(above):
        if other != os.path.basename(folder):
            shutil.rmtree(os.path.join(above, other), ignore_errors=True)
    return folder


def quick_javac(above, javac=None):
    """The folder of a javac that starts with an archive of its own classes, which takes a third of a compilation's CPU
    away (JEP 350). It stays for later runs of the suite until another JDK is installed. Empty where there is no JDK
    that can make such an archive."""
    javac = os.path.realpath(javac or shutil.which("javac") or "")
    home = os.path.dirname(os.path.dirname(javac))
    key = hashlib.sha256(javac.encode())
    try:
        with open(os.path.join(home, "release"), "rb") as f:
            key.update(f.read())
        key.update(str(os.stat(os.path.join(home, "lib", "modules")).st_mtime_ns).encode())
    except OSError:
        return ""
    folder = os.path.join(above, key.hexdigest()[:16])
    if not os.path.exists(folder):
        os.makedirs(above, exist_ok=True)
        made = tempfile.mkdtemp(dir=above)
        os.chmod(made, 0o755)  # some tests run programs as another user
        archive, out = os.path.join(made, "javac.jsa"), os.path.join(made, "out")
        code = os.path.join(os.path.dirname(os.path.dirname(HERE)), "raw-code")
        loop, function = os.path.join(code, "bootstraps", "java"), os.path.join(code, "measure", "java")
        command = [javac, *("-J" + flag for flag in QUICK_JVM.split()), "-J-XX:ArchiveClassesAtExit=" + archive,
                   "--release", "11", "-nowarn", "-d", out, "-sourcepath",
                   os.pathsep.join((loop, function)), os.path.join(loop, "stellar", "bootstrap", "Bootstrap.java")]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)
        if done.returncode != 0 or not os.path.exists(archive):
            shutil.rmtree(made)
            return ""
        shutil.rmtree(out)
        write_javac(made, javac, os.path.join(folder, "javac.jsa"), home)
        try:
            os.rename(made, folder)
        except OSError:  # another run of the suite was faster
            shutil.rmtree(made)
    return os.path.join(folder, "bin")


def write_javac(folder, javac, archive, home):
    """Writes the script that starts javac with an archive, and beside it what says which JDK that is."""
    os.mkdir(os.path.join(folder, "bin"))
    script = os.path.join(folder, "bin", "javac")
    with open(script, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nexec %s -J-XX:SharedArchiveFile=%s "$@"\n' % (shlex.quote(javac), shlex.quote(archive)))
    os.chmod(script, 0o755)
    for name in ("lib", "release"):
        os.symlink(os.path.join(home, name), os.path.join(folder, name))


def plain_python(above, folders=None):
    """The folder of programs of an environment with the packages that this Python has, but without the .pth files by
    which some packages run code at every start: that code can take three times as long as Python's own start. It stays
    for later runs of the suite until a package is installed or removed. Empty where no .pth file runs code."""
    packages, runs = {}, False
    for folder in filter(os.path.isdir, site.getsitepackages() if folders is None else folders):
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".pth"):
                packages.setdefault(name, os.path.join(folder, name))
                continue
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                runs = runs or any(line.startswith("import ") for line in f)
    if not runs:
        return ""
    key = hashlib.sha256("\n".join([sys.version, sys.executable, *packages.values()]).encode()).hexdigest()[:16]
    folder = os.path.join(above, key)
    if not os.path.exists(folder):
        os.makedirs(above, exist_ok=True)
        made = tempfile.mkdtemp(dir=above)
        os.chmod(made, 0o755)  # some tests run programs as another user
        venv.create(made, symlinks=True)
        into = sysconfig.get_path("purelib", "venv", {"base": made, "platbase": made})
        for name, path in packages.items():
            os.symlink(path, os.path.join(into, name))
        try:
            os.rename(made, folder)
        except OSError:  # another run of the suite was faster
            shutil.rmtree(made)
    return os.path.join(folder, "bin")


def direct_python(path):
    """The PATH without pyenv's folder of scripts, each of which searches for an interpreter at every start (0.1 s of
    CPU), and with the interpreter's own folder before it."""
    folders = path.split(os.pathsep)
    for i, folder in enumerate(folders):
        with contextlib.suppress(OSError), open(os.path.join(folder, "python3"), "rb") as f:
            start = f.read(400)
            if start.startswith(b"#!") and b"pyenv" in start:
                folders[i] = os.path.dirname(sys.executable)
    return os.pathsep.join(dict.fromkeys(folders))


def waves(args, flags, work):
    """The jobs to run: a list of waves, which run one after the other. A wave is a list of jobs for one pool."""
    wanted = parts.sort_packages(parts.packages())
    wanted["data"] = parts.DATA

    def tests(name, *more):
        own = env if name in MEASURED else late
        return parts.jobs(name, wanted[name], [*more, *flags], own, not flags) if name in args.only else []

    if args.quick:
        env = dict(os.environ)
        return [[Part("unit", ["./" + f for f in wanted["unit"]], ["-short", "-p=4", WAITING, *flags], env)]]
    binary = build(work, args.race)
    env = environment(work, binary, args.race)
    late = dict(env, **LATE_GC)
    plain = ["-count=1", "-timeout=50m", "-vet=off"]  # `make lint` vets, which `go test` would do once more
    every = plain + (["-race"] if args.race else [])

    def script(name, load, *command):
        return [Script(name, list(command), late, load=load)] if name in args.only and not flags else []

    peers = [Part("peers", ["./..."], [*every, *flags], env, parts.PEERS)] if "peers" in args.only else []
    everything = [
        *tests("unit", WAITING, *programs.races(args.race), *plain), *tests("tools", *every),
        *tests("acceptance", *every),
        *script("chaos", (0.35, 100), "./scripts/chaos.py", "--short", "--jobs", "2", "--stellar", binary),
        *script("cases", (0.35, 140), "./scripts/cases.sh", "--jobs", "2"),
        *tests("data", *plain, *([] if args.race else ["-short"])),  # once a day all ten million rows are read
        *peers, *script("suite", (0.5, 10), sys.executable, "-B", "scripts/suite/selftest.py"),
    ]
    alone = parts.lone("tools", wanted["tools"], every, env) if "tools" in args.only and not flags else []
    return [sorted(everything, key=lambda job: -job.seconds), tests("fidelity", *every) + alone]


def on_signal(number, _):
    """Makes SIGTERM and SIGHUP end the suite as Ctrl-C does: with its children, and without its folder."""
    raise SystemExit(128 + number)


def main(argv):
    args, flags = parse(argv)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background has it ignored
    show = parts.printer()
    started = time.monotonic()
    results = []
    with contextlib.suppress(KeyboardInterrupt), \
            tempfile.TemporaryDirectory(prefix="stellar-suite-") as work:
        os.chmod(work, 0o755)  # some tests run the binary as another user
        planned = [wave for wave in waves(args, flags, work) if wave]
        if not flags and not args.quick:
            results.append(parts.build(sum(planned, []), work, os.path.join(cache(), "programs"), show))
        for wave in planned:
            show("== " + ", ".join(dict.fromkeys(job.name for job in wave)))
            results += parts.pool(wave, ROOM * (os.cpu_count() or 1), show)
        if not args.quick:  # which has Go's cache, that a folder of another name would miss
            results.append(leftovers(work))
        return report(parts.merge(results), args, time.monotonic() - started, show)
    return 130


def timeline(results):
    """When each package and script ran, and how much of a core it took: for the table JOBS of parts.py."""
    runs = sorted((run for r in results for run in r.runs))
    for began, ended, cpu, what in runs:
        wall = ended - began
        yield "%5.0f to %4.0f s %6.1f CPU s %5.2f cores  %s" % (
            began - runs[0][0], ended - runs[0][0], cpu, cpu / wall if wall else 0, what)


def report(results, args, wall, show):
    """Prints what failed, what was skipped and the sums. Returns the exit code."""
    for r in results:
        for line in r.failures:
            show(line)
    show("")
    for r in results:
        for line in r.tables:
            show(line)
    slowest = sorted((t for r in results for t in r.slowest), reverse=True)[:args.slowest]
    for seconds, package, test in slowest:
        show("%7.1f s  %s %s" % (seconds, package, test))
    for line in timeline(results) if args.slowest else ():
        show(line)
    for line in parts.HEADING:
        show(line)
    for r in results:
        show(r.row())
        for line in r.skips:
            show(line)
    passed, failed, skipped = (sum(getattr(r, k) for r in results) for k in ("passed", "failed", "skipped"))
    show("nothing was skipped" if not skipped else "%d skipped" % skipped)
    show("%d passed, %d failed, %d skipped in %d min %02d s" % (passed, failed, skipped, wall // 60, wall % 60))
    if not all(r.good for r in results):
        return 1
    if os.environ.get("CI") and skipped:
        print("CI: tests were skipped; nothing may be", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
