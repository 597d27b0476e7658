#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Documents of several files, as TAP: what they may reach, how deep and how large they may become, what is told of where
values are from, and how versions migrate."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.environ.get("HVCC", os.path.join(TOP, "build/asan/hvcc"))
CASES = os.path.join(TOP, "tests/compiler/cases/forms")
WHOLE = "name: g\nmemory: { size: 64MiB }\nboot: { kernel: k }\n"

tests = []


def test(function):
    tests.append(function)
    return function


def hvcc(*arguments, folder=None, program=()):
    return subprocess.run([*program, HVCC, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=folder,
                          stdin=subprocess.DEVNULL)


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def write(folder, **files):
    """name_ending=text; a name with `__` lies in a folder"""
    for name, text in files.items():
        path = os.path.join(folder, name.replace("__", "/").replace("_", "."))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def codes(run):
    return re.findall(r"\[(HV\d+)\]", run.stderr)


def guest(more=""):
    return "schema: hvcc/guest/v1\n" + more


@test
def only_files_of_the_tree(folder):
    write(folder, secret_txt="require aes;", base_yaml=guest("template: true\ncpu: { cpuid: !include secret.txt }\n"),
          guests__g_yaml=guest("extends: [../base.yaml]\n" + WHOLE), guests__t_yaml=guest(WHOLE + "cpu: { cpuid: !include l.txt }\n"),
          guests__abs_yaml=guest(WHOLE + f"cpu: {{ cpuid: !include {folder}/secret.txt }}\n"))
    os.symlink("../secret.txt", os.path.join(folder, "guests/l.txt"))
    for name in ("g", "t", "abs"):
        run = hvcc("check", "--no-files", f"guests/{name}.yaml", folder=folder)
        equal((run.returncode, codes(run)), (1, ["HV0151"]), name)
        equal(hvcc("check", "--no-files", "--root", ".", f"guests/{name}.yaml", folder=folder).stderr, "", name)
        equal(codes(hvcc("check", "--no-files", "--root", "guests", f"guests/{name}.yaml", folder=folder)), ["HV0151"], name)
    equal(hvcc("check", "--root", "nowhere", "guests/g.yaml", folder=folder).returncode, 3)


@test
def policies_stay_in_the_tree_too(folder):
    write(folder, fleet__all_cpuid='include "../guests/own.cpuid";', guests__own_cpuid="require aes;", guests__noise_cpuid="\x00",
          guests__self_cpuid='disable abm; include "again.cpuid";')
    os.symlink("../fleet/all.cpuid", os.path.join(folder, "guests/link.cpuid"))
    os.symlink("self.cpuid", os.path.join(folder, "guests/again.cpuid"))
    os.mkdir(os.path.join(folder, "guests/folder.cpuid"))
    for path, bounded, free in [("../fleet/all.cpuid", "HV0151", ""), ("link.cpuid", "HV0151", ""), ("own.cpuid", "", ""),
                                (f"{folder}/fleet/all.cpuid", "HV0151", ""), (f"{folder}/guests/own.cpuid", "", ""),
                                ("self.cpuid", "HV0826", "HV0826"), ("none.cpuid", "HV0825", "HV0825"),
                                ("../none.cpuid", "HV0825", "HV0825"), ("noise.cpuid", "HV0825", "HV0825"),
                                ("folder.cpuid", "HV0825", "HV0825")]:
        write(folder, guests__g_yaml=guest(WHOLE + f"cpu:\n  cpuid: |\n    include \"{path}\";\n"),
              guests__t_yaml=guest(WHOLE + "cpu: { cpuid: !include policy.cpuid }\n"), guests__policy_cpuid=f'include "{path}";')
        for name in ("g", "t"):
            equal(" ".join(codes(hvcc("check", "--no-files", f"guests/{name}.yaml", folder=folder))), bounded, path)
            equal(" ".join(codes(hvcc("check", "--no-files", "--root", ".", f"guests/{name}.yaml", folder=folder))), free, path)


@test
def depth_is_bounded(folder):
    for i in range(30):
        write(folder, **{f"b{i}_yaml": guest("template: true\n" + (f"extends: [b{i + 1}.yaml]\n" if i < 29 else "")),
                         f"i{i}_yaml": f"cpuid: !include i{i + 1}.yaml\n" if i < 29 else "1"})
    write(folder, near_yaml=guest("extends: [b16.yaml]\n" + WHOLE), far_yaml=guest("extends: [b0.yaml]\n" + WHOLE),
          include_yaml=guest(WHOLE + "cpu: !include i0.yaml\n"))
    equal(hvcc("check", "--no-files", "near.yaml", folder=folder).stderr, "")
    equal(codes(hvcc("check", "--no-files", "far.yaml", folder=folder)), ["HV0152"])
    assert "HV0152" in codes(hvcc("check", "--no-files", "include.yaml", folder=folder))


@test
def size_is_bounded(folder):
    """Includes that multiply, bases that are long, and many of them: a message, soon."""
    for i in range(12):
        write(folder, **{f"i{i}_yaml": "[" + f"!include i{i + 1}.yaml, " * 10 + "]\n" if i < 11 else "1\n"})
    write(folder, include_yaml=guest(WHOLE + "pv: !include i0.yaml\n"),
          base_yaml=guest("template: true\nvcpus: { pin: {" + ", ".join(f"{i}: {i}" for i in range(1024)) + "} }\n"))
    entry = "  - extends: [" + ", ".join(["base.yaml"] * 64) + "]\n    name: g%d\n    memory: { size: 64MiB }\n    boot: { kernel: k }\n"
    write(folder, system_yaml="schema: hvcc/system/v1\nguests:\n" + "".join(entry % i for i in range(100)))
    for name in ("include", "system"):
        start = time.monotonic()
        run = hvcc("check", "--no-files", name + ".yaml", folder=folder)
        assert time.monotonic() - start < 60, name
        assert run.returncode == 1 and "HV0153" in codes(run), run.stderr[:2000]


@test
def bases_are_read_once(folder):
    """A thousand guests extend one template: it is read, and its faults are told, once."""
    write(folder, base_yaml=guest("template: true\nparams: { size: ~ }\nmemory: { size: \"${size}\" }\nboot: { kernel: k }\n"
                                  "vcpus: { cuont: 1 }\n"),
          s_yaml="schema: hvcc/system/v1\nguests:\n" + "".join(
              f"  - {{ extends: [base.yaml], params: {{ size: {64 + i}MiB }}, name: g{i} }}\n" for i in range(1000)))
    run = hvcc("check", "--no-files", "s.yaml", folder=folder)
    equal(codes(run), ["HV0130"], run.stderr[:2000])
    write(folder, a_yaml=guest("extends: [base.yaml]\nparams: { size: 1MiB }\nname: a\n"),
          b_yaml=guest("extends: [base.yaml]\nparams: { size: 1MiB }\nname: b\n"))
    equal(codes(hvcc("check", "--no-files", "a.yaml", "b.yaml", folder=folder)), ["HV0130"])
    run = hvcc("check", "--no-files", "--fix", "s.yaml", folder=folder)
    equal((run.returncode, run.stderr), (0, ""))
    with open(os.path.join(folder, "base.yaml"), encoding="utf-8") as file:
        assert "count: 1" in file.read()


@test
def paths_are_those_of_their_files(folder):
    """A kernel of a template lies beside it, one that a parameter names beside the document that gives it."""
    kernel = b"\x02\xb0\xad\x1b" + bytes(60)
    write(folder, templates__t_yaml=guest("template: true\nparams: { module: ~ }\nmemory: { size: 4MiB }\n"
                                          "boot: { protocol: raw, kernel: k, raw: { load-address: 0x7c00, entry: 0x7c00 } }\n"
                                          "cpu: { cpuid: !include p.cpuid }\n"),
          templates__p_cpuid="require sse2;\n", g_yaml=guest("extends: [templates/t.yaml]\nparams: { module: m }\nname: g\n"
                                                             "boot: { kernel: \"${module}\" }\n"))
    for name in ("templates/k", "m"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(kernel)
    run = hvcc("build", "--format", "blob", "-o", "out", "-d", "dep", "g.yaml", folder=folder)
    equal((run.returncode, run.stderr), (0, ""))
    with open(os.path.join(folder, "dep"), encoding="utf-8") as file:
        words = set(file.read().split())
    assert {"g.yaml", "templates/t.yaml", "templates/p.cpuid", "m"} <= words and "templates/k" not in words, words


@test
def compilations_are_apart(folder):
    """Two documents over one base, compared: each has files and findings of its own."""
    raw = "boot: { protocol: raw, kernel: k, raw: { load-address: 0x7c00, entry: 0x7c00 } }\n"
    write(folder, base_yaml=guest("template: true\nparams: { count: 1 }\nmemory: { size: 4MiB }\n"
                                  "vcpus: { count: \"${count}\" }\n" + raw), k=64 * "x",
          a_yaml=guest("extends: [base.yaml]\nname: g\n"), b_yaml=guest("extends: [base.yaml]\nparams: { count: 2 }\nname: g\n"),
          wrong_yaml=guest("extends: [base.yaml]\nparams: { count: two }\nname: g\n"))
    equal(hvcc("diff", "--exit-code", "a.yaml", "a.yaml", folder=folder).returncode, 0)
    run = hvcc("diff", "--exit-code", "a.yaml", "b.yaml", folder=folder)
    equal((run.returncode, run.stderr), (1, ""))
    run = hvcc("diff", "a.yaml", "wrong.yaml", folder=folder)
    equal((run.returncode, codes(run)), (1, ["HV0132"]), run.stderr)
    assert "wrong.yaml:3:18" in run.stderr, run.stderr


@test
def provenance(folder):
    def rows(name):
        run = hvcc("config", "--provenance", "--json", name, folder=CASES)
        equal(run.returncode, 0, run.stderr)
        return {row["path"]: row for row in json.loads(run.stdout)}

    found = rows("extends.yaml")

    def place(row):
        return row["origin"], row["file"], row["line"], row["column"]
    equal(place(found["name"]), ("set", "extends.yaml", 5, 7))
    equal(place(found["vcpus.count"]), ("base", "parts/large.yaml", 3, 17))
    equal(found["vcpus.count"]["through"], [{"how": "extended", "file": "extends.yaml", "line": 3, "column": 29}])
    equal(place(found["cpu.cpuid"])[:2], ("included", "parts/base.cpuid"))
    equal([one["how"] for one in found["cpu.cpuid"]["through"]], ["included", "extended"])
    equal(place(found["boot.kernel"]), ("set", "extends.yaml", 4, 19))
    equal([one["name"] for one in found["boot.kernel"]["parameters"]], ["kernel"])
    equal([one["name"] for one in found["boot.cmdline"]["parameters"]], ["console"])
    equal(found["boot.protocol"], {"path": "boot.protocol", "value": "auto", "origin": "default"})
    equal(place(found["devices.serial[0].id"])[:2], ("included", "parts/serial.yaml"))
    equal(place(found["devices.serial[1].id"])[:2], ("set", "extends.yaml"))
    equal(rows("system-extends.yaml")["guests[1].vcpus.pin.0"]["origin"], "bind")
    text = hvcc("config", "--provenance", "extends.yaml", folder=CASES).stdout
    assert re.search(r"^boot\.kernel +parts/vmlinuz +extends\.yaml:4:19, for `\$\{kernel\}` at parts/linux\.yaml:11:11$", text,
                     re.M), text
    assert re.search(r"^boot\.protocol +auto +default$", text, re.M), text


@test
def migrate(folder):
    write(folder, g_yaml="# kept\n" + guest(WHOLE), s_yaml="schema: hvcc/system/v1\nguests: [g.yaml]\n",
          new_yaml="schema: hvcc/guest/v7\n", none_yaml="name: x\n", broken_yaml="schema: [\n")
    run = hvcc("migrate", "g.yaml", "s.yaml", folder=folder)
    equal((run.returncode, run.stdout), (0, "g.yaml: already hvcc/guest/v1\ns.yaml: already hvcc/system/v1\n"))
    equal(hvcc("migrate", "--to", "v1", "--check", "g.yaml", folder=folder).returncode, 0)
    with open(os.path.join(folder, "g.yaml"), encoding="utf-8") as file:
        equal(file.read(), "# kept\n" + guest(WHOLE))
    for name, code in (("new", "HV0121"), ("none", "HV0120"), ("broken", "HV0101")):
        run = hvcc("migrate", name + ".yaml", folder=folder)
        equal((run.returncode, codes(run)), (1, [code]), name)
        assert f"{name}.yaml:" in run.stderr, run.stderr
    equal(hvcc("migrate", "--to", "v2", "g.yaml", folder=folder).returncode, 2)
    equal(hvcc("migrate", "nothing.yaml", folder=folder).returncode, 3)


# What each command makes of each kind of file, in the order of FILES: its exit code, and where it refuses the file the
# code of the message, or where that is no finding a word of it.
FILES = ["guest.yaml", "system.yaml", "template.yaml", "platform.yaml", "policy.yaml", "t.hvtest.yaml", "image", "kernel.elf",
         "text.txt", "empty.yaml", "folder", "missing"]
GOOD, FORM, HALF, BINARY, WHAT, NONE, GONE = (0, ""), (1, "HV0003"), (1, "HV0163"), (1, "HV0103"), (1, "HV0120"), (1, "HV0112"), (3, "HV0001")
NO_BLOB, NO_FILE = (1, "holds no blob"), (3, "cannot read")
DOCUMENTS = [GOOD, GOOD, HALF, FORM, FORM, FORM, BINARY, BINARY, WHAT, NONE, GONE, GONE]
ALONE = [GOOD, GOOD, HALF, GOOD, GOOD, FORM, BINARY, BINARY, WHAT, NONE, GONE, GONE]
IMAGES = [NO_BLOB] * 6 + [GOOD, NO_BLOB, NO_BLOB, NO_BLOB, NO_FILE, NO_FILE]
EITHER = [GOOD, GOOD, HALF, FORM, FORM, FORM, GOOD, NO_BLOB, WHAT, NONE, NO_FILE, NO_FILE]
COMMANDS = {
    "check": [GOOD] * 6 + [BINARY, BINARY, WHAT, NONE, GONE, GONE],
    "config": ALONE, "config --json": ALONE, "config --provenance": ALONE, "config --features": DOCUMENTS,
    "build -o out": DOCUMENTS, "acpi": DOCUMENTS, "run --print": DOCUMENTS, "cpuid": DOCUMENTS,
    "inspect": IMAGES, "inspect --listing": IMAGES, "audit": IMAGES, "decompile -o back": IMAGES,
    "graph": EITHER, "graph --view shares": EITHER, "graph --view common": DOCUMENTS, "diff image": EITHER,
    "fmt": [GOOD] * 6 + [BINARY, BINARY, GOOD, NONE, GONE, GONE],
    "migrate --check": [GOOD] * 6 + [BINARY, BINARY, WHAT, NONE, GONE, GONE],
    "test": [FORM] * 5 + [GOOD, BINARY, BINARY, WHAT, NONE, (3, "no tests"), GONE],
    "check guest.yaml --platform": [FORM, FORM, FORM, GOOD, FORM, FORM, BINARY, BINARY, WHAT, NONE, GONE, GONE],
    "check guest.yaml --policy": [FORM, FORM, FORM, FORM, GOOD, FORM, BINARY, BINARY, WHAT, NONE, GONE, GONE],
}


@test
def each_command_with_each_form(folder):
    """Nothing is done with what is none of a command's business, and the message says what to do with it instead."""
    write(folder, guest_yaml=guest(WHOLE.replace("kernel: k", "kernel: kernel.elf")), template_yaml=guest("template: true\n"),
          system_yaml="schema: hvcc/system/v1\nguests: [ guest.yaml ]\n", text_txt="hello world\n", empty_yaml="",
          platform_yaml="schema: hvcc/platform/v1\nname: box\ncpus: 4\nmemory: 4GiB\ns5-type: 5\ntsc-khz: 2000000\n",
          policy_yaml="schema: hvcc/policy/v1\nassert: [ { that: vcpus.count <= 8, message: eight at most } ]\n")
    with open(os.path.join(folder, "t.hvtest.yaml"), "w", encoding="utf-8") as file:
        file.write("schema: hvcc/test/v1\ntests: [ { name: one, document: guest.yaml, values: { vcpus.count: 1 } } ]\n")
    os.mkdir(os.path.join(folder, "folder"))
    shutil.copy(os.path.join(TOP, "build/hello.elf"), os.path.join(folder, "kernel.elf"))
    core = ["--core", os.path.join(TOP, "build/hvcore.elf")]
    run = hvcc("build", *core, "-o", "image", "guest.yaml", folder=folder)
    equal(run.returncode, 0, run.stderr)
    for command, outcomes in COMMANDS.items():
        words = command.split() + (core if command.startswith("build") else [])
        for name, (code, word) in zip(FILES, outcomes, strict=True):
            run = hvcc(*words, name, folder=folder)
            what = f"{command} {name}: {run.stderr}"
            equal(run.returncode, code, what)
            equal(sorted(set(codes(run))), [word] if word.startswith("HV") else [], what)
            assert word in run.stderr, what
            if (code, word) in (FORM, BINARY) or (code, word) == NO_BLOB and name.endswith("yaml") and name != "empty.yaml":
                assert "= help: " in run.stderr, what
            equal(os.path.exists(os.path.join(folder, "out")), command.startswith("build") and code == 0, what)
            if os.path.exists(os.path.join(folder, "out")):
                os.unlink(os.path.join(folder, "out"))


@test
def nothing_leaks(folder):
    """Each case of these forms under valgrind."""
    program = os.path.join(TOP, "build/hvcc")
    for name in sorted(os.listdir(CASES)):
        if not name.endswith(".yaml"):
            continue
        run = subprocess.run(["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", "--error-exitcode=99", program,
                              "check", "--no-files", name], capture_output=True, text=True, timeout=120, check=False, cwd=CASES)
        assert run.returncode in (0, 1), f"{name}: {run.stderr[-2000:]}"


def main():
    chosen = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        try:
            with tempfile.TemporaryDirectory() as folder:
                function(os.path.realpath(folder))
            print(f"ok {number} - forms: {function.__name__}", flush=True)
        except Exception as error:  # an assertion or a program that did not end
            failed = True
            print(f"not ok {number} - forms: {function.__name__}")
            print("# " + str(error).replace("\n", "\n# "), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
