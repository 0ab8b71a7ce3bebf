"""The test programs of Go packages: all are built before the first of them runs, so that Go reads the module once and
not once for each job. What the linker makes is kept for later runs of the suite."""
import contextlib
import hashlib
import os
import subprocess
import threading
import time

# Packages that only compute, on data of one goroutine: drawing, compressing, functions of numbers. The race detector
# would take a third of the unit tests' CPU for them; once a day (--race) it looks at them, too.
COMPUTING = ("compress/flate", "git.sr.ht/~sbinet/gg", "github.com/golang/freetype/...", "golang.org/x/image/...",
             "gonum.org/v1/plot/...", "hash/adler32", "hash/crc32", "image/...", "math", "unicode/utf8")
BUILD_FLAGS = ("-race", "-gcflags", "-vet")  # of `go test`: the others are the test program's own
ONE = "-p=1"  # a package at a time, as programs of one job run anyway
KEEP_LINK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keeplink.sh")
LEFT = 5  # seconds that what a test program has started may keep its output open after the program's end


def races(everywhere=False):
    """The flags of `go test` for unit tests with the race detector."""
    return ["-race", *([] if everywhere else ["-gcflags=%s=-race=false" % package for package in COMPUTING])]


def split(flags):
    """Divides flags of `go test` into those of the build and those of the test program."""
    build = tuple(f for f in flags if f.startswith(BUILD_FLAGS))
    return build, ["-test." + f.lstrip("-") for f in flags if f not in build and f != ONE]


def keeping(kept, name):
    """The flags and variables of a `go` command that keeps what it links below the folder kept."""
    folder = os.path.join(kept, name)
    os.makedirs(folder, exist_ok=True)
    return ["-toolexec=" + KEEP_LINK], {"KEPT_PROGRAMS": folder}


def batches(packages):
    """Divides packages so that no two of a batch have one name: the name is that of the program."""
    out = []
    for package in packages:
        name = os.path.basename(package)
        for batch in out:
            if name not in batch:
                batch[name] = package
                break
        else:
            out.append({name: package})
    return [list(batch.values()) for batch in out]


class Program:
    """The test program of a package, the package's path and folder, and what turns the program's output into events."""

    def __init__(self, path, package, folder, converter):
        self.path, self.package, self.folder, self.converter = path, package, folder, converter

    def run(self, flags, each_line, groups, env=None):
        """Runs the tests in the package's folder as `go test -json` does, hands on the lines of their events, and
        returns the exit code with the CPU seconds of the program and its children."""
        events = subprocess.Popen([self.converter, "-t", "-p", self.package], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        env = dict(env or os.environ, PWD=os.path.abspath(self.folder))
        read, write = os.pipe()
        try:
            process = groups.start([self.path, "-test.paniconexit0", "-test.v=test2json", *flags], env=env,
                                   cwd=self.folder, stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.STDOUT)
        except BaseException:
            os.close(read)
            events.stdin.close()
            raise
        finally:
            os.close(write)
        ended = []
        waiter = threading.Thread(target=lambda: ended.extend(self.wait(process, read, events.stdin, groups)),
                                  daemon=True)
        waiter.start()
        with events.stdout:
            for line in events.stdout:
                each_line(line.decode(errors="replace"))
        events.wait()
        waiter.join()
        return tuple(ended)

    def wait(self, process, output, events, groups):
        """Hands on a program's output until it ends, and adds the line with which `go test` says how it did."""
        def copy():
            with open(output, "rb", buffering=0) as source, contextlib.suppress(OSError, ValueError):
                while data := source.read(1 << 16):
                    events.write(data)
                    events.flush()

        began = time.monotonic()
        copier = threading.Thread(target=copy, daemon=True)
        copier.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        groups.ended(process)
        copier.join(LEFT)
        last = "ok  \t%s\t%.3fs\n"
        if code or copier.is_alive():
            why = "exit status %d" % code if code > 0 else "signal %d" % -code if code else "its output stays open"
            last, code = "\n" + why + "\n\x16FAIL\t%s\t%.3fs\n", code or 1
        with contextlib.suppress(OSError), events:
            events.write((last % (self.package, time.monotonic() - began)).encode())
        return code, usage.ru_utime + usage.ru_stime


def build(wanted, work, kept, run, above="."):
    """Builds test programs of the module in the folder above: wanted has packages (./src/x) for each tuple of flags of
    `go test`. Run runs a command, as parts.run does. Returns the programs by flags and package, and the CPU seconds. A
    package that cannot be built has no program."""
    def said(*command):
        return subprocess.run(command, cwd=above, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    module, converter = said("go", "list", "-m"), said("go", "tool", "-n", "test2json")
    made, cpu = {}, 0
    for flags, packages in wanted.items():
        for i, batch in enumerate(batches(packages)):
            name = "%s-%d" % (hashlib.sha256(" ".join(flags).encode()).hexdigest()[:8], i)
            keep, variables = keeping(kept, name)
            out = os.path.join(os.path.abspath(work), "programs", name)
            os.makedirs(out)
            command = ["go", "test", "-c", "-trimpath", "-ldflags=-s -w", *keep, *flags, "-o", out + "/", *batch]
            cpu += run(command, lambda _: None, env=dict(os.environ, **variables), cwd=above,
                       stderr=subprocess.STDOUT)[1]
            for package in batch:
                path = os.path.join(out, os.path.basename(package) + ".test")
                if os.path.exists(path):
                    folder = os.path.normpath(package)
                    made[flags, package] = Program(path, module + "/" + folder, os.path.join(above, folder), converter)
    return made, cpu
