#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc as a program, as TAP: exit codes, options, what happens when memory, disk or reader are gone,
leaks, instruction budgets, and that each diagnostic has an input that triggers exactly it."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import kernels
import yaml

import kernels

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.path.join(TOP, "build/hvcc")
CASES = os.path.join(TOP, "tests/compiler/cases")
GOOD = os.path.join(CASES, "config/everything.yaml")
BAD = os.path.join(CASES, "schema/all-in-one-run.yaml")
MACHINE = os.path.join(CASES, "system/platforms.yaml")
WARNED = os.path.join(CASES, "boot/console-missing.yaml")

# Diagnostics that no document alone can cause; the test that sees each.
ELSEWHERE = {
    "HV0935": "rules.py: tests_of_configurations",
    "HV0936": "rules.py: tests_of_configurations",
    "HV0937": "rules.py: tests_of_configurations",
    "HV0004": "json_for_all_errors",
    "HV0583": "symbols_beside_the_kernel",
    "HV0005": "json_for_all_errors",
    "HV0376": "image_is_not_given_away",
    "HV0114": "many_nodes",
    "HV0152": "forms.py: depth_is_bounded",
    "HV0153": "forms.py: size_is_bounded",
    "HV0115": "tools.py: fmt_checks_and_shows",
    "HV0651": "builds_that_fail",
    "HV0824": "large_policy",
    "HV0480": "cases: share/shmem-no-room.lst",
    "HV1101": "probe.py",
    "HV1102": "probe.py: still_true",
} | {code: "builds_that_fail" for code in ("HV0307", "HV0308", "HV0610", "HV0586", "HV0370", "HV0371", "HV0611", "HV0612", "HV0613", "HV0614", "HV0652", "HV0653", "HV0654",
                                                       "HV0615")}

# These only add to others. HV1210 says what the core lacks, once nothing is wrong: a warning's case has it, too.
NOTES = {"HV0614", "HV0811", "HV1210"}

tests = []


def test(function):
    tests.append(function)
    return function


def hvcc(*arguments, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    if arguments.count("check") == 1 and not {"--files", "--no-files"} & set(arguments):  # no kernel of a case is there
        at = arguments.index("check") + 1
        arguments = arguments[:at] + ("--no-files",) + arguments[at:]
    program = more.pop("program", [HVCC])
    return subprocess.run(program + list(arguments), timeout=300, **more)


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


@test
def exit_codes():
    for want, arguments in [
        (0, ["check", GOOD]), (0, ["config", GOOD]), (0, ["version"]), (0, ["--help"]), (0, ["schema"]),
        (0, ["check", WARNED]), (1, ["-W", "error", "check", WARNED]), (1, ["-W", "error=console-missing", "check", WARNED]), (0, ["-W", "console-missing", "check", WARNED]),
        (1, ["-W", "error", "-W", "console-missing", "check", WARNED]), (0, ["-Werror", "-Wno-error=HV0606", "check", WARNED]),
        (0, ["-Werror", "-Wno-error", "check", WARNED]), (1, ["-Wno-HV0606", "-Werror=HV0606", "check", WARNED]),
        (2, ["-W", "error=HV9999", "check", GOOD]), (2, ["-W", "console-misisng", "check", GOOD]),
        (1, ["check", BAD]), (1, ["config", BAD]), (1, ["check", GOOD, BAD]),
        (2, []), (2, ["chek"]), (2, ["check"]), (2, ["check", "--nonsense", GOOD]), (2, ["config", GOOD, GOOD]),
        (2, ["--format", "xml", "check", GOOD]), (2, ["--color", "check"]), (2, ["-W", "HV9999", "check", GOOD]),
        (2, ["-W", "no-unknown-key", "check", BAD]), (2, ["explain", "nonsense"]), (2, ["schema", "gest"]),
        (2, ["config", "--json=yes", GOOD]),
        (3, ["check", "/no/such/file"]), (3, ["check", "/"]), (3, ["-C", "/no/such", "check", GOOD]),
        (0, ["check", MACHINE]), (0, ["config", MACHINE]), (1, ["build", MACHINE]), (1, ["--platform", GOOD, "check", GOOD]),
        (3, ["--platform", "/no/such/file", "check", GOOD]), (4, ["--platform", MACHINE, "check", GOOD]),
    ]:
        equal(hvcc(*arguments).returncode, want, " ".join(["hvcc"] + arguments))


@test
def help_everywhere():
    listing = hvcc("--help").stdout.decode()
    commands = re.findall(r"^  ([a-z]+) ", listing.split("Options")[0], re.M)
    assert {"check", "config", "explain", "schema", "version"} <= set(commands), commands
    for command in commands:
        run = hvcc(command, "--help")
        equal(run.returncode, 0, command)
        assert run.stdout.decode().startswith(f"Usage: hvcc {command} "), run.stdout


@test
def warnings_by_code():
    assert b"warning[HV0606]" in hvcc("check", WARNED).stderr
    equal(hvcc("-W", "no-console-missing", "check", WARNED).stderr, b"")
    equal(hvcc("-Wno-HV0606", "check", WARNED).stderr, b"")
    assert b"warning[HV0606]" in hvcc("-WHV0606", "check", WARNED).stderr
    assert b"error[HV0606]" in hvcc("-Werror=HV0606", "check", WARNED).stderr
    assert b"warning[HV0606]" in hvcc("-Werror", "-Wno-error=console-missing", "check", WARNED).stderr
    assert b"did you mean `console-missing`?" in hvcc("-Wno-console-misisng", "check", WARNED).stderr
    assert b"HV0130` is an error" in hvcc("-Wno-HV0130", "check", WARNED).stderr


@test
def colour_only_where_wanted():
    assert b"\033[" not in hvcc("check", BAD).stderr
    assert b"\033[" in hvcc("--color", "always", "check", BAD).stderr
    for variables, want in [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)]:
        master, slave = os.openpty()
        run = subprocess.Popen([HVCC, "check", BAD], stderr=slave, env=dict(os.environ, TERM="xterm", **{}) | variables)
        os.close(slave)
        seen = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
        run.wait()
        os.close(master)
        equal(b"\033[" in seen, want, str(variables))


def conforms(value, schema, root, path="$"):
    """The keywords that the schemas use, read as JSON Schema says: what an editor would do with them."""
    if "$ref" in schema:
        name = schema["$ref"]
        if not name.startswith("#"):
            with open(os.path.join(TOP, "schema", name), encoding="utf-8") as file:
                schema = root = json.load(file)
        else:
            schema = root["$defs"][name.rsplit("/", 1)[1]]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "type" in schema:
        words = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        assert isinstance(value, tuple(kinds[word] for word in words)), f"{path}: {value!r} is no {' or '.join(words)}"
    assert "const" not in schema or value == schema["const"], f"{path}: {value!r}"
    assert "enum" not in schema or value in schema["enum"], f"{path}: {value!r}"
    if isinstance(value, int):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value), f"{path}: {value!r}"
        assert value % schema.get("multipleOf", 1) == 0, f"{path}: {value!r}"
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), f"{path}: {value!r}"
        assert len(value) >= schema.get("minLength", 0), f"{path}: {value!r}"
    if isinstance(value, list):
        assert schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)), f"{path}: {len(value)}"
        for i, below in enumerate(value) if "items" in schema else []:
            conforms(below, schema["items"], root, f"{path}[{i}]")
    if isinstance(value, dict):
        for key in schema.get("required", []):
            assert key in value, f"{path}: no {key}"
        for key, below in value.items():
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
            assert known is not False, f"{path}: unknown {key}"
            conforms(str(key), schema.get("propertyNames", {}), root, f"{path}: key")
            conforms(below, known, root, f"{path}.{key}")
    for choice in schema.get("anyOf", [])[:-1]:
        if set(choice["required"]) & set(value):
            break
    else:
        for key in schema.get("anyOf", [{}])[-1].get("required", []):
            assert key in value, f"{path}: no {key}"
    if "oneOf" in schema:
        fitting = 0
        for one in schema["oneOf"]:
            try:
                conforms(value, one, root, path)
                fitting += 1
            except AssertionError:
                pass
        equal(fitting, 1, f"{path}: {value!r} fits")


@test
def json_keeps_its_schema():
    schema = json.loads(hvcc("schema", "diagnostics").stdout)
    for name in [GOOD, BAD, WARNED, "/no/such/file", os.path.join(CASES, "yaml/yaml-encoding.yaml"),
                 os.path.join(CASES, "system/cpu-twice.yaml")]:
        output = json.loads(hvcc("--format", "json", "check", name).stdout)
        conforms(output, schema, schema)
        equal(output["errors"], sum(d["severity"] == "error" for d in output["diagnostics"]), name)


@test
def editors_agree():
    """Documents without errors are valid by the JSON schemas as well."""
    seen = 0
    for folder, _, names in os.walk(CASES):
        for name in (os.path.join(folder, n) for n in names if n.endswith(".yaml")):
            found = json.loads(hvcc("check", "--format", "json", name).stdout)["diagnostics"]
            if all(d["severity"] != "error" or d["code"] == "HV1210" for d in found) and \
                    "HV0418" not in [d["code"] for d in found]:  # this reader takes 00:05.0 for a number, as that warns
                with open(name, encoding="utf-8-sig") as file:
                    text = re.sub("!policy", "", file.read())
                if re.search("extends:|!include|[$][{]", text):  # what becomes of several files
                    text = hvcc("config", name).stdout.decode()
                if not text:  # a template
                    continue
                document = yaml.safe_load(text)
                schema = json.loads(hvcc("schema", document["schema"].split("/")[1]).stdout)
                conforms(document, schema, schema, os.path.basename(name))
                seen += 1
    assert seen > 10, seen


@test
def json_for_all_errors():
    schema = json.loads(hvcc("schema", "diagnostics").stdout)
    for code, end, arguments in [
            ("HV0004", 2, ["chek", "--format", "json"]), ("HV0004", 2, ["--format=json", "check"]),
            ("HV0004", 2, ["check", "--nonsense", "--format", "json", GOOD]), ("HV0001", 3, ["--format", "json", "config", "/no"]),
            ("HV0005", 3, ["--format", "json", "-C", "/no/such", "check", GOOD])]:
        run = hvcc(*arguments)
        output = json.loads(run.stdout)
        conforms(output, schema, schema)
        equal((run.returncode, run.stderr, [d["code"] for d in output["diagnostics"]]), (end, b"", [code]), arguments)


@test
def too_many_findings():
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(b"schema: hvcc/guest/v1\n" + b"".join(b"x%d: 1\n" % i for i in range(200000)))
        file.flush()
        run = hvcc("check", file.name)
        output = json.loads(hvcc("--format", "json", "check", file.name).stdout)
    equal(run.returncode, 1)
    assert b"... and 199003 more, not shown\n200003 errors" in run.stderr, run.stderr[-200:]
    equal((len(output["diagnostics"]), output["suppressed"], output["errors"]), (1000, 199003, 200003))


@test
def schemas_are_what_they_were():
    for name in hvcc("schema").stdout.decode().split():
        with open(os.path.join(TOP, "schema", name + ".schema.json"), "rb") as file:
            equal(hvcc("schema", name).stdout, file.read(), name)


@test
def every_key_is_explained():
    def walk(schema, path, root):
        for key, below in schema.get("properties", {}).items():
            where = f"{path}.{key}" if path else key
            run = hvcc("explain", where)
            equal(run.returncode, 0, where)
            assert len(run.stdout) > 60, where
            walk(below, where, root)
    guest = json.loads(hvcc("schema", "guest").stdout)
    walk(guest, "", guest)
    for word, key in [("hostdev", "devices.pci"), ("on_reboot", "events.on-reboot"), ("kernel-args", "boot.cmdline")]:
        text = hvcc("explain", word).stdout.decode()
        equal(text.split(" ")[0], key, word)


@test
def config_of_config_is_the_same():
    def values(text):
        return [re.sub(r" +# .*", "", line) for line in text.decode().split("\n")]
    for name in [GOOD] + [os.path.join(CASES, n) for n in ("config/defaults.yaml", "config/future.yaml", "system/two-guests.yaml")]:
        first = hvcc("config", name).stdout
        with tempfile.TemporaryDirectory() as folder:
            again = os.path.join(folder, "again.yaml")
            with open(again, "wb") as file:
                file.write(first)
            second = hvcc("config", again)
        equal(second.returncode, 0, second.stderr)
        equal(values(second.stdout), values(first), name)
        one, two = json.loads(hvcc("config", "--json", name).stdout), hvcc("config", name)
        assert one["sources"], name
        equal(two.returncode, 0, name)


@test
def each_diagnostic_has_its_input():
    """A case named after the diagnostic (or beginning so) whose expected output has that code alone."""
    seen = {}
    for folder, _, names in os.walk(CASES):
        for name in names:
            if not name.endswith((".err", ".files", ".lst")):
                continue
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                codes = re.findall(r"^(?:error|warning|note)\[(HV\d+)\]", file.read(), re.M)
            alone = {code for code in codes if code not in NOTES} or set(codes)
            if len(alone) == 1:
                seen.setdefault(alone.pop(), []).append(name)
    missing = []
    assert len(json.loads(hvcc("codes", "--json").stdout)) >= 180
    for line in hvcc("explain").stdout.decode().splitlines():
        code, word = line.split()
        equal(hvcc("explain", code).stdout, hvcc("explain", word).stdout, code)
        if code not in ELSEWHERE and code not in seen:
            missing.append(line)
    assert not missing, "no case for " + ", ".join(missing)


@test
def many_nodes():
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(b"schema: hvcc/guest/v1\nname: [" + b"a," * 4000001 + b"]\n")
        file.flush()
        run = hvcc("--format", "gcc", "check", file.name)
        equal(run.returncode, 1)
        assert b"[HV0114]" in run.stderr, run.stderr
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(b"#" * (33 << 20))
        file.flush()
        run = hvcc("check", file.name)
        equal(run.returncode, 3)
        assert b"larger than" in run.stderr, run.stderr


@test
def large_policy():
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(b"schema: hvcc/guest/v1\nname: g\nmemory: { size: 64MiB }\nboot: { kernel: k }\ncpu:\n  cpuid: |\n" +
                   b"    require sse2;\n" * 10000)
        file.flush()
        run = hvcc("--format", "gcc", "check", file.name)
        equal(run.returncode, 1)
        equal(set(re.findall(rb"HV\d+", run.stderr)), {b"HV0824"})


def multiboot(end):
    """A kernel for Multiboot by its address fields: loaded at 1 MiB, with bss up to `end`."""
    words = [0x1badb002, 0x10000, -(0x1badb002 + 0x10000) & 0xffffffff, 0x100000, 0x100000, 0, end, 0x100020]
    return struct.pack("<8I", *words) + b"\xf4" * 32


def bzimage():
    """The least that is a bzImage: setup header, and a compressed ELF kernel of one instruction."""
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x1000000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    elf += struct.pack("<IIQQQQQQ", 1, 5, 4096, 0x1000000, 0x1000000, 16, 4096, 2 << 20)
    elf = elf.ljust(4096, b"\0") + b"\xf4" * 16
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    payload = pack.compress(elf) + pack.flush() + struct.pack("<I", len(elf))
    code = (b"\xf4" * 1024 + payload).ljust(4096, b"\0")
    setup = bytearray(1024)
    for offset, layout, value in [
            (0x1f1, "<B", 1), (0x1f4, "<I", len(code) // 16), (0x1fe, "<H", 0xaa55), (0x200, "<H", 0x66eb),
            (0x202, "<4s", b"HdrS"), (0x206, "<H", 0x20f), (0x211, "<B", 1), (0x22c, "<I", 0x7fffffff),
            (0x230, "<I", 2 << 20), (0x234, "<B", 1), (0x235, "<B", 21), (0x236, "<H", 1), (0x238, "<I", 2047),
            (0x248, "<I", 1024), (0x24c, "<I", len(payload)), (0x258, "<Q", 16 << 20), (0x260, "<I", 4 << 20)]:
        struct.pack_into(layout, setup, offset, value)
    return bytes(setup) + code


@test
def image_is_not_given_away():
    """Memory that `bind` fixes does not lie where the image itself is loaded; beside it is well."""
    with tempfile.TemporaryDirectory() as folder:
        for host, want in ((0xf00000, 1), (0x1000000, 1), (0x4000000, 0)):
            with open(os.path.join(folder, "s.yaml"), "w", encoding="utf-8") as file:
                file.write("schema: hvcc/system/v1\nguests:\n  - name: g\n    memory: { size: 2MiB }\n"
                           "    boot: { kernel: s.yaml, protocol: raw, raw: { load-address: 0x8000, entry: 0x8000 } }\n"
                           f"bind: {{ g: {{ memory: [ {{ host: 0x{host:x}, size: 2MiB }} ] }} }}\n")
            for command in (["build", "-o", "x"], ["run", "--qemu", "true", "-o", "y"]):
                run = hvcc(*command, "--core", os.path.join(TOP, "build/hvcore.elf"), "s.yaml", cwd=folder)
                equal("HV0376" in run.stderr.decode(), bool(want), run.stderr.decode())
                equal(run.returncode == 1 and not os.path.exists(os.path.join(folder, command[-1])), bool(want), run.stderr.decode())


@test
def builds_that_fail():
    """What only shows when a guest is laid out: one code each, and no output file."""
    with tempfile.TemporaryDirectory() as folder:
        def write(name, data):
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        write("small", multiboot(0x180000))
        write("most", multiboot(0x3c0000))
        write("linux", bzimage())
        write("text", b"not a kernel\n")
        write("cut", bzimage()[:3000])
        odd = bytearray(bzimage())
        struct.pack_into("<I", odd, 0x230, 12345)  # its alignment
        write("odd", odd)
        write("cut.elf", kernels.elf([(0x100000, b"\xf4" * 9000, 9000)], 0x100000)[:6000])
        write("twice", kernels.elf([(0x100000, b"\xf4" * 16, 8192), (0x101000, b"\xf4" * 16, 4096)], 0x100000))
        write("wrong", kernels.elf([(0x100000, b"\xf4" * 16, 8)], 0x100000))
        write("module", bytes(600000))
        shutil.copy(os.path.join(TOP, "build/hello.elf"), os.path.join(folder, "symbols"))
        write("packed", b"\x1f\x8b\x08" + bytes(17 << 20))
        full = "memory: { size: 64MiB }\nboot: { kernel: linux }"
        for code, want, out, body in [
                (None, 0, "x", full), (None, 0, "x", "memory: { size: 4MiB }\nboot: { kernel: small }"),
                (None, 3, "no/such/folder", full), (None, 3, "/dev/full", full),
                ("HV0307", 1, "x", "memory: { regions: [ { gpa: 0, size: 3328MiB } ] }\nboot: { kernel: small }"),
                ("HV0308", 1, "x", "memory: { size: 640KiB }\nboot: { kernel: text, protocol: raw, "
                                   "raw: { load-address: 0x7c00, entry: 0x7c00 } }"),
                ("HV0610", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: text }"),
                ("HV0610", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: linux, protocol: multiboot2 }"),
                ("HV0652", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: cut }"),
                ("HV0652", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: cut.elf, protocol: linux }"),
                ("HV0653", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: twice, protocol: linux }"),
                ("HV0654", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: odd }"),
                ("HV0654", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: wrong, protocol: linux }"),
                ("HV0001", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: missing }"),
                ("HV0611", 1, "x", "memory: { size: 2MiB }\nboot: { kernel: most }"),
                ("HV0612", 1, "x", "memory: { size: 4MiB }\nboot: { kernel: most, modules: [ { path: module } ] }"),
                ("HV0613", 1, "x", "memory: { size: 64MiB }\nboot: { kernel: small, unpack: true }"),
                ("HV0615", 0, "x", "memory: { size: 64MiB }\nboot: { kernel: linux, initrd: linux }"),
                ("HV0651", 0, "x", "memory: { size: 64MiB }\nboot: { kernel: linux, initrd: packed }"),
                ("HV0614", 0, "x", "memory: { size: 64MiB }\nboot: { kernel: linux, unpack: true }"),
                ("HV0370", 1, "x", "memory: { size: 64MiB, spp: [ { name: a, symbol: kernel:nothing } ] }\n"
                                   "boot: { kernel: symbols, protocol: multiboot1 }"),
                ("HV0586", 0, "x", "memory: { size: 64MiB, spp: [ { name: a, gpa: 0x3fff000 } ] }\nboot: { kernel: linux }"),
                ("HV0371", 0, "x", "memory: { size: 64MiB, spp: [ { name: a, symbol: kernel:start } ] }\n"
                                   "boot: { kernel: symbols, protocol: multiboot1 }")]:
            write("guest.yaml", f"schema: hvcc/guest/v1\nname: g\n{body}\n".encode())
            run = hvcc("build", "--format", "blob", "-o", out, "guest.yaml", cwd=folder)
            text = run.stderr.decode()
            if out == "x":
                look = hvcc("check", "--files", "guest.yaml", cwd=folder)
                equal((look.returncode, look.stderr), (want, run.stderr), body)
            equal((run.returncode, set(re.findall(r"HV\d{4}", text))), (want, {code} - {None}), body + "\n" + text)
            equal(os.path.exists(os.path.join(folder, "x")), out == "x" and want == 0, body)
            if os.path.exists(os.path.join(folder, "x")):
                os.unlink(os.path.join(folder, "x"))


@test
def symbols_beside_the_kernel():
    """A System.map, or an ELF file with symbols, must be of the very kernel; then its symbols count."""
    code = bytearray((i * 13) & 0xff for i in range(0x4000))
    code[0x800:0x80e] = b"Linux version "
    plain = kernels.elf([(0x1000000, bytes(code), len(code))], 0x1000000, note=0x1000040)
    calls, banner = (0x1002080, 256), (0x1000800, 64)
    good = "0000000001000800 D linux_banner\n0000000001002080 D calls\n0000000001002180 D next\n"
    files = {
        "System.map": good.encode(), "other.map": good.replace("1000800", "1000900").encode(), "bare.map": good.split("\n", 1)[1].encode(),
        "outside.map": good.replace("2080 D calls", "8080 D calls").replace("2180", "8180").encode(), "empty.map": b"",
        "debug": kernels.with_symbols(plain, {"calls": calls, "linux_banner": banner}),
        "id1": kernels.with_symbols(plain, {"calls": calls, "linux_banner": banner}, b"1" * 20),
        "id2": kernels.with_symbols(plain, {"calls": calls, "linux_banner": banner}, b"2" * 20),
        "plain": plain,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        for kernel, symbols, code_wanted, text in [
                ("plain", "System.map", None, ""), ("plain", "debug", None, ""), ("id1", "id1", None, ""),
                ("id1", "System.map", None, ""), ("plain", "other.map", "HV0583", "no banner"),
                ("plain", "bare.map", "HV0583", "neither a build id"), ("id1", "id2", "HV0583", "another build id"),
                ("plain", "empty.map", "HV0001", "empty"), ("plain", "none", "HV0001", "none"),
                ("plain", "outside.map", "HV0370", "outside what is loaded")]:
            with open(os.path.join(folder, "guest.yaml"), "w") as file:
                file.write("schema: hvcc/guest/v1\nname: g\nmemory: { size: 64MiB, spp: [ { name: a, symbol: kernel:calls } ] }\n"
                           f"boot: {{ kernel: {kernel}, protocol: pvh, symbols: {symbols} }}\n")
            run = hvcc("build", "--format", "blob", "-o", "x", "guest.yaml", cwd=folder)
            found = set(re.findall(r"HV\d{4}", run.stderr.decode()))
            equal(found, {code_wanted} - {None}, f"{kernel} {symbols}: {run.stderr.decode()}")
            assert text in run.stderr.decode(), run.stderr
            if not code_wanted:
                listing = hvcc("inspect", "--listing", "x", cwd=folder).stdout.decode()
                assert re.search(r"guard +0x000001002000 1 page .* 0xfffffff9", listing), listing


@test
def samples_are_true():
    """What `explain` calls wrong has that code; what it calls right has nothing to be found. Where a sample is not a whole
    document, what it leaves out is added."""
    base = {"name": "g", "memory": "{ size: 64MiB }", "boot": "{ kernel: k }"}
    tried, without, false = 0, [], []
    for line in hvcc("explain").stdout.decode().splitlines():
        code = line.split()[0]
        text = hvcc("explain", code).stdout.decode()
        for title, wrong in (("Wrong", True), ("Right", False)):
            found = re.search(rf"^{title}:\n((?:    .*\n)+)", text, re.M)
            if not found or code in ELSEWHERE or code in ("HV0001", "HV0003"):  # these need files
                without += [code] if wrong else []
                continue
            sample = re.sub("^    ", "", found.group(1), flags=re.M)
            sample, _, machine = sample.partition("--- # the machine\n")
            given = re.findall(r"^([a-z]+):", sample, re.M)
            whole = code in ("HV0112", "HV0120") or "schema" in given
            if whole and "system" not in sample and "platform" not in sample and not wrong:
                sample += "".join(f"{key}: {value}\n" for key, value in base.items() if key not in given)
            document = sample if whole else "schema: hvcc/guest/v1\n" + sample + "".join(
                f"{key}: {value}\n" for key, value in base.items() if key not in given)
            tried += 1
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file, tempfile.NamedTemporaryFile("w") as platform:
                file.write(document)
                file.flush()
                platform.write("schema: hvcc/platform/v1\nname: box\n" + machine)
                platform.flush()
                run = hvcc("check", *(["--platform", platform.name] if machine else []), file.name)
            what = f"{code} {title}:\n{document}{run.stderr.decode()}"
            codes = set(re.findall(r"^\w+\[(HV\d+)\]", run.stderr.decode(), re.M))
            if code not in codes if wrong else codes - ({"HV1210"} - {code}):
                false.append(what)
    print(f"# without a sample that can stand alone: {' '.join(without)}")
    assert not false, "\n".join(false)
    assert len(without) < 60, without
    assert tried > 120, tried


@test
def output_failed():
    with open("/dev/full", "wb") as full:
        for arguments in (["config", GOOD], ["schema", "guest"], ["--format", "json", "check", GOOD], ["--help"]):
            run = hvcc(*arguments, stdout=full)
            equal(run.returncode, 3, arguments)
            assert b"No space left on device" in run.stderr, run.stderr


@test
def reader_gone():
    read, write = os.pipe()
    os.close(read)
    for arguments in (["config", GOOD], ["schema", "guest"], ["--format", "json", "check", GOOD]):
        run = hvcc(*arguments, stdout=write)
        equal((run.returncode, run.stderr), (3, b""), arguments)
    os.close(write)


@test
def memory_gone():
    """From each allocation on there is no memory: exit 3, or what was asked for, and never a signal."""
    library = os.path.join(TOP, "build/oom.so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, os.path.join(TOP, "tests/compiler/oom.c")],
                   check=True)
    for arguments, end in ((["check", GOOD], 0), (["--format", "json", "check", BAD], 1), (["config", "--json", GOOD], 0),
                           (["check", os.path.join(CASES, "yaml/yaml-syntax.yaml")], 1),
                           (["config", "--provenance", os.path.join(CASES, "forms/extends.yaml")], 0)):
        whole = hvcc(*arguments)
        for point in range(5000):
            run = hvcc(*arguments, env=dict(os.environ, LD_PRELOAD=library, OOM_AT=str(point)))
            if run.returncode == end:
                equal((run.stdout, run.stderr), (whole.stdout, whole.stderr), f"{arguments} at {point}")
                break
            equal(run.returncode, 3, f"{arguments} at {point}")
            assert b"out of memory" in run.stderr, run.stderr
        else:
            raise AssertionError(f"{arguments}: no end")


@test
def nothing_leaks():
    for name in (GOOD, BAD, os.path.join(CASES, "yaml/yaml-aliases.yaml"), os.path.join(CASES, "system/two-guests.yaml")):
        for arguments in (["check", name], ["--format", "json", "check", name], ["config", name]):
            run = hvcc(*arguments, program=["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all",
                                            "--error-exitcode=99", HVCC])
            assert run.returncode in (0, 1), run.stderr.decode()


def instructions(path):
    run = hvcc("check", "--files", path, program=["valgrind", "--tool=cachegrind", "--cache-sim=no",
                                          "--cachegrind-out-file=/dev/null", HVCC])
    equal(run.returncode, 0, run.stderr.decode())
    return int(re.search(r"I +refs: +([\d,]+)", run.stderr.decode()).group(1).replace(",", ""))


@test
def checking_is_cheap():
    """The budgets of `hvcc check`: one guest 40 M instructions, 1,000 guests 4 G, linear."""
    guest = """schema: hvcc/guest/v1
name: g%d
vcpus: { count: 4, topology: { sockets: 1, dies: 1, cores: 2, threads: 2 } }
memory: { size: 512MiB }
boot: { kernel: vmlinuz, initrd: initrd.cpio, cmdline: "console=ttyS0 quiet" }
devices: { serial: [ { id: com1, io: 0x3f8, irq: 4 } ] }
"""
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/vmlinuz", "wb") as file:
            file.write(bzimage())
            file.seek(64 << 20)  # what lies behind its headers costs nothing
            file.write(b"end")
        with open(f"{folder}/initrd.cpio", "wb") as file:
            file.write(b"070701".ljust(8 << 20, b"0"))
        for i in range(1000):
            with open(f"{folder}/g{i}.yaml", "w") as file:
                file.write(guest % i)
        for count in (100, 1000):
            with open(f"{folder}/s{count}.yaml", "w") as file:
                file.write("schema: hvcc/system/v1\nguests:\n" + "".join(f"  - g{i}.yaml\n" for i in range(count)))
            counts[count] = instructions(f"{folder}/s{count}.yaml")
        counts[1] = instructions(f"{folder}/g0.yaml")
    print(f"# instructions: {counts}")
    assert counts[1] < 40e6, counts
    assert counts[1000] < 4e9, counts
    assert counts[1000] < 11 * counts[100], counts


def main():
    chosen = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            function()
            print(f"ok {number} - front: {function.__name__} ({time.monotonic() - start:.0f} s)", flush=True)
        except Exception as error:  # an assertion or a program that did not end
            failed = True
            print(f"not ok {number} - front: {function.__name__}")
            print("# " + str(error).replace("\n", "\n# "), flush=True)
    sys.exit(failed)


main()
