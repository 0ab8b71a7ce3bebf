"""Runs that end in odd ways: closed pipes, closed terminals, folders that move."""
import json
import os
import pty
import select
import shutil
import subprocess
import time

from bench import expect


def terminal(b, script, act):
    """Runs a shell's script as the foreground job of its own terminal; act(fd) gets the other end. Returns the text of
    the file `code`. The shell itself survives Ctrl-C, to write down how stellar ended."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(b.dir)
        os.execvpe("bash", ["bash", "-c", script], b.env)
    acted, deadline = False, time.monotonic() + 600
    try:
        while time.monotonic() < deadline:
            if not acted and b.folder():
                acted = True
                act(fd)
            if acted == "closed":
                break
            try:
                if select.select([fd], [], [], 0.05)[0] and not os.read(fd, 65536):
                    break
            except OSError:
                break
    finally:
        os.close(fd)
        os.waitpid(pid, 0)
    for _ in range(6000):
        if os.path.exists(b.at("code")) and os.path.getsize(b.at("code")):
            return open(b.at("code")).read().strip()
        time.sleep(0.1)
    return "none within 600 s"


def stands(b):
    """What is still deployed, by the tool's own list."""
    _, out = b.run("functions")
    return out.strip()


LONG = "22-ctrl-c-tee/long.json"
RUN = "trap : INT; (trap - INT; exec stellar -c long.json -o out); echo $? >code"


def long_run(b, bursts=None):
    with open(os.path.join(b.inputs, LONG)) as f:
        exp = json.load(f)
    exp["SubExperiments"][0]["Bursts"] = bursts or exp["SubExperiments"][0]["Bursts"]
    with open(b.at("long.json"), "w") as f:
        json.dump(exp, f)
    os.symlink(b.stellar, b.at("stellar"))
    b.env["PATH"] = b.dir + ":" + b.env["PATH"]


def interrupt(b):
    def act(fd):
        b.await_stage("probing")
        time.sleep(0.7)
        os.write(fd, b"\x03")
    return act


def ended(b, code, want):
    rows = b.rows()
    wrong = expect(code, want, "exit code") + ([] if rows else ["no rows are left"])
    if "no functions" not in (s := stands(b)) and "nothing" not in s:
        wrong.append("functions still stand:\n" + s)
    if not os.path.exists(os.path.join(b.folder(), "statistics.csv")):
        wrong.append("what was measured was not evaluated")
    return wrong


def case_22_ctrl_c_tee(b):
    "Ctrl-C kills tee too: the run removes its functions and exits with 130"
    long_run(b)
    return ended(b, terminal(b, f"{{ {RUN}; }} 2>&1 | tee log", interrupt(b)), "130")


def case_22_ctrl_c_tee_i(b):
    "Ctrl-C, and tee that ignores it"
    long_run(b)
    return ended(b, terminal(b, f"{{ {RUN}; }} 2>&1 | tee -i log", interrupt(b)), "130")


def case_22_head(b):
    "a reader that closes the pipe early does not end the run"
    long_run(b, bursts=3)
    return ended(b, terminal(b, f"{{ {RUN}; }} 2>&1 | head -n 2", lambda fd: None), "0")


def case_22_closed_terminal(b):
    "a terminal that is closed: removed, evaluated, 130"
    long_run(b)
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(b.dir)
        os.execvpe(b.stellar, [b.stellar, "-c", "long.json", "-o", "out"], b.env)
    b.await_stage("probing")
    time.sleep(0.7)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return ended(b, str(os.waitstatus_to_exitcode(status)), "130")


def case_22_deploy_head(b):
    "deploy with a closed pipe: the functions stand, and are removed when told"
    long_run(b)
    script = "stellar deploy -c long.json -o out 2>&1 | head -n 1; echo ${PIPESTATUS[0]}"
    shell = subprocess.run(["bash", "-c", script], cwd=b.dir, env=b.env, capture_output=True, text=True, timeout=900)
    wrong = expect(shell.stdout.split()[-1:], ["0"], "exit code of deploy")
    code, out = b.run("remove", b.folder())
    return wrong + expect(code, 0, "exit code of remove\n" + out)


def case_moved_folder(b):
    "a run's folder that is moved while its functions are kept"
    long_run(b, bursts=3)
    code, out = b.run("deploy", "-c", "long.json", "-o", "out")
    wrong = expect(code, 0, "exit code of deploy\n" + out)
    shutil.move(b.folder(), b.at("elsewhere"))
    listed = stands(b)
    if "long" not in listed and "kept" not in listed:
        wrong.append("functions does not list what is kept:\n" + listed)
    code, out = b.run("clean")
    wrong += expect(code, 0, "exit code of clean\n" + out)
    code, out = b.run("probe", "-o", "again", "elsewhere")
    wrong += expect(code, 0, "the functions are gone, exit code of probe\n" + out[-800:])
    code, out = b.run("remove", "elsewhere")
    return wrong + expect(code, 0, "exit code of remove\n" + out)


CASES = [case_22_ctrl_c_tee, case_22_ctrl_c_tee_i, case_22_head, case_22_closed_terminal, case_22_deploy_head,
         case_moved_folder]
