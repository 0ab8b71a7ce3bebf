"""Folders of functions: what they answer, what lies in them, what enters their build."""
import os
import subprocess

from bench import errors, expect


def run(b, folder, function=None, pattern=None):
    text = open(os.path.join(folder, "fn.json")).read()
    if function:
        for name in ("q_dictbody", "s_emacs"):
            text = text.replace(f'"{name}"', f'"{function}"')
    if pattern is not None:
        text = text.replace('"PackagePattern": "*.py"', f'"PackagePattern": "{pattern}"')
    with open(os.path.join(folder, "exp.json"), "w") as f:
        f.write(text)
    return b.run("-c", "exp.json", "-o", b.at("out"), cwd=folder)


def reason(function, words):
    def case(b):
        code, out = run(b, b.input("16-bad-response-reason"), function)
        logs = subprocess.run(f"cat {b.folder()}/logs/*", shell=True, capture_output=True, text=True).stdout
        wrong = expect(code, 3, "exit code\n" + out)
        wrong += [f"neither screen nor log says {w!r}:\n{out}\n{logs}" for w in words if w not in out + logs]
        if not any("REPORT" in line and "Status: error" in line for line in logs.splitlines()):
            wrong.append("no REPORT line says Status: error:\n" + logs[:600])
        return wrong
    case.__name__ = f"case_16_{function}"
    case.__doc__ = "the reason of a bad response is in the log"
    return case


def case_17_editable(b):
    "an editable requirement is installed as a copy, or refused with its line"
    code, out = run(b, b.input("17-editable-requirement"))
    if code == 2:
        return [] if "-e ./libs/mylib_src" in out else ["the refusal does not name the line:\n" + out]
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 6, "rows") + errors(b.rows())


def links(b):
    folder = b.input("19-dangling-link")
    subprocess.run(["sh", "make-links.sh"], cwd=folder, check=True)
    return folder


def case_19_left_out(b):
    "an editor's lock file that the pattern leaves out does no harm"
    code, out = run(b, links(b))
    return expect(code, 0, "exit code\n" + out) + expect(len(b.rows()), 6, "rows") + errors(b.rows())


def case_19_dangling(b):
    "a dangling link that belongs to the package is named"
    code, out = run(b, links(b), "s_dangling", "**")
    wrong = expect(code, 2, "exit code\n" + out)
    return wrong + [f"the message does not say {w!r}:\n{out}" for w in ("dead", "missing", "link") if w not in out]


def case_29_stale_build(b):
    "a library beside the function's folder is part of its build"
    folder = b.input("29-stale-build")
    sizes = []
    for i, text in enumerate(("one", "two-is-longer")):
        with open(os.path.join(folder, "outerlib", "outerlib", "__init__.py"), "w") as f:
            f.write(f'x="{text}"\n')
        code, out = b.run("-c", "fn.json", "-o", b.at(f"out{i}"), cwd=folder)
        if code == 2 and "../outerlib" in out:
            return []  # refused, with the line
        if code != 0:
            return [out]
        sizes.append(b.rows(f"out{i}")[0]["Response Bytes"])
    return expect(sizes, ["3", "13"], "bytes of the answers before and after the edit")


CASES = [reason("q_dictbody", ["body is an object"]), reason("p_status", ["999"]), case_17_editable, case_19_left_out,
         case_19_dangling, case_29_stale_build]
