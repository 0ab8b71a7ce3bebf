"""Runs commands of the real gcloud, each in a fork of a process that has loaded its modules.

Loading them is most of what a start of gcloud computes. `gcloudserver.py SOCKET` is run by the SDK's own Python, with
the folder of gcloud.py in STELLAR_TEST_GCLOUD_LIB. It ends when its standard input ends, and removes the folder of its
socket. gcloudclient.py is the command that talks to it.
"""
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys

LIB = os.environ["STELLAR_TEST_GCLOUD_LIB"]
sys.path[:0] = [os.path.join(LIB, "third_party"), LIB]


def load(names):
    """Imports modules that a command has needed. One that cannot be imported by itself is left to the commands."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            pass
    gc.freeze()  # a collection in a fork would copy every page


def receive(connection):
    """A command: its arguments, environment, folder and open files."""
    data, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not data.endswith(b"\0"):
        more = connection.recv(1 << 20)
        if not more:
            return None
        data += more
    return json.loads(data[:-1]), files


def run(command, files):
    """Becomes gcloud with a command, and returns its exit code."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    for fd, file in enumerate(files):
        os.dup2(file, fd)
    os.chdir(command["dir"])
    os.environ.clear()
    os.environ.update(command["env"])
    sys.argv = [os.path.join(LIB, "gcloud.py"), *command["args"]]
    try:
        sys.exit(importlib.import_module("googlecloudsdk.gcloud_main").main())
    except SystemExit as e:
        if isinstance(e.code, str):
            print(e.code, file=sys.stderr)
        return e.code if isinstance(e.code, int) else int(e.code is not None)


def start(connection, told):
    """Forks for a command; the fork tells which modules it had to load. Returns the process id."""
    received = receive(connection)
    if not received:
        return 0
    command, files = received
    pid = os.fork()
    if pid:
        for file in files:
            os.close(file)
        return pid
    code, before = 70, set(sys.modules)
    try:
        code = run(command, files)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(told, json.dumps([m for m in sys.modules if m not in before]).encode() + b"\n")
    finally:
        os._exit(code)


def serve(listener):
    woken, wake = os.pipe()
    heard, told = os.pipe()
    for fd in (woken, wake, heard, told):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running, rest = {}, b""
    while True:
        ready = select.select([0, listener, woken, heard, *running], [], [])[0]
        if 0 in ready and not os.read(0, 1):
            break
        if woken in ready:
            os.read(woken, 4096)
            for connection, pid in list(running.items()):
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    code = os.waitstatus_to_exitcode(status)
                    try:
                        connection.sendall(bytes([code if code >= 0 else 128 - code]))
                    except OSError:
                        pass
                    connection.close()
                    del running[connection]
        for connection in [c for c in ready if c in running]:  # its client has ended: so does the command
            os.killpg(running[connection], signal.SIGKILL)
            os.waitpid(running.pop(connection), 0)
            connection.close()
        if heard in ready:
            *lines, rest = (rest + os.read(heard, 1 << 20)).split(b"\n")
            for line in lines:
                load(json.loads(line))
        if listener in ready:
            connection, _ = listener.accept()
            pid = start(connection, told)
            if pid:
                running[connection] = pid
    for pid in running.values():
        os.killpg(pid, signal.SIGKILL)


load(["googlecloudsdk.gcloud_main", "googlecloudsdk.calliope.cli"])
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(64)
print("ready", flush=True)
try:
    serve(listening)
finally:
    os.unlink(sys.argv[1])
    os.rmdir(os.path.dirname(sys.argv[1]))
