#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people say must hold, as TAP: rules of a site, tests of configurations, allowed warnings, and that each key of each
schema is meant when it is misspelt."""
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.environ.get("HVCC", os.path.join(TOP, "build/asan/hvcc"))
GUEST = "schema: hvcc/guest/v1\nname: g\nvcpus: { count: 2 }\nmemory: { size: 64MiB }\nboot: { protocol: pvh, kernel: k }\n"
tests = []


def test(function):
    tests.append(function)
    return function


def hvcc(*arguments, **more):
    return subprocess.run([HVCC, *arguments], capture_output=True, timeout=300, check=False, **more)


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def write(folder, name, text):
    os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def found(*arguments, **more):
    run = hvcc("--format", "json", *arguments, **more)
    assert run.stdout, run.stderr.decode()[:3000]
    diagnostics = json.loads(run.stdout)["diagnostics"]
    for each in diagnostics + [note for d in diagnostics for note in d["notes"]]:
        each.update(each.get("location", {"file": None}))
    return run.returncode, diagnostics


@test
def rules_of_a_site():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "g.yaml", GUEST)
        write(folder, "h.yaml", GUEST.replace("count: 2", "count: 9").replace("name: g", "name: h"))
        write(folder, "s.yaml", "schema: hvcc/system/v1\nguests: [ g.yaml, h.yaml ]\n")
        write(folder, "few.yaml", "schema: hvcc/policy/v1\nassert: [ { that: 'vcpus.count <= 8', message: eight at most } ]\n")
        write(folder, "sum.yaml", "schema: hvcc/policy/v1\nassert:\n"
                                  "  - { for: system, that: 'sum(g in guests: g.vcpus.count) <= 10', severity: warning }\n")
        code, diagnostics = found("check", "--no-files", "--policy", "few.yaml", "--policy", "sum.yaml", "s.yaml", "g.yaml", cwd=folder)
        equal((code, sorted(d["code"] for d in diagnostics)), (1, ["HV0901", "HV0902"]))
        failed = next(d for d in diagnostics if d["code"] == "HV0901")
        equal((failed["message"], failed["file"], failed["line"], failed["column"]), ("eight at most", "h.yaml", 3, 17))
        assert any(note["file"] == "few.yaml" and note["line"] == 2 for note in failed["notes"]), failed
        for arguments, want in [
            (["check", "--no-files", "--policy", "few.yaml", "g.yaml"], 0), (["config", "--policy", "few.yaml", "h.yaml"], 1),
            (["build", "--policy", "few.yaml", "-o", "out", "h.yaml"], 1), (["check", "--policy", "none.yaml", "g.yaml"], 3),
            (["check", "--policy", "g.yaml", "g.yaml"], 1), (["check", "few.yaml", "sum.yaml"], 0), (["config", "few.yaml"], 0), (["build", "few.yaml"], 1),
            (["-W", "error", "check", "--no-files", "--policy", "sum.yaml", "s.yaml"], 1),
            (["check", "--no-files", "--policy", "sum.yaml", "s.yaml"], 0), (["check", "--policy"], 2),
        ]:
            equal(hvcc(*arguments, cwd=folder).returncode, want, arguments)
        assert not os.path.exists(os.path.join(folder, "out"))


@test
def allowed_in_what_is_extended():
    """What a guest's document allows is allowed of that guest in the files it extends, and of no other guest."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "base/late.yaml", "schema: hvcc/guest/v1\ntemplate: true\nmemory: { size: 64MiB }\n"
                                        "boot: { kernel: k, cmdline: console=ttyS1 }\ndevices: { serial: [ { id: com1 } ] }\n")
        head = "schema: hvcc/guest/v1\nextends: [base/late.yaml]\nname: "
        write(folder, "a.yaml", head + "a\nlint: { allow: [console-missing] }\n")
        write(folder, "b.yaml", head + "b\n")
        write(folder, "aa.yaml", "schema: hvcc/system/v1\nguests: [ a.yaml ]\n")
        write(folder, "ab.yaml", "schema: hvcc/system/v1\nguests: [ a.yaml, b.yaml ]\n")
        write(folder, "ba.yaml", "schema: hvcc/system/v1\nguests: [ b.yaml, a.yaml ]\n")
        for name, want in [("a", []), ("b", ["HV0606"]), ("aa", []), ("ab", ["HV0606"]), ("ba", ["HV0606"])]:
            code, diagnostics = found("check", "--no-files", name + ".yaml", cwd=folder)
            equal((code, [d["code"] for d in diagnostics]), (0, want), name)
            assert all(d["file"] == "base/late.yaml" for d in diagnostics), diagnostics


TESTS = """schema: hvcc/test/v1
tests:
  - name: good
    document: ../g.yaml
    values: { vcpus.count: 2, memory.size: 65536KiB, boot.protocol: pvh, "has(boot.initrd)": false }
  - name: patched
    document: ../g.yaml
    patch: { vcpus: { topology: { cores: 3 } }, boot: { protocol: ~ } }
    codes: [ topology-product ]
  - name: lists
    document: ../g.yaml
    patch: { devices: { serial: [ { id: a } ] }, assert: [ "count(devices.serial) == 1" ] }
    values: { "devices.serial[0].io": 0x3f8, "all(s in devices.serial: s.irq == 4)": true }
"""


@test
def tests_of_configurations():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "g.yaml", GUEST)
        write(folder, "t/good.hvtest.yaml", TESTS)
        write(folder, "empty/g.yaml", GUEST)
        run = hvcc("test", cwd=folder)
        equal((run.returncode, run.stderr), (0, b""), run.stdout)
        assert b"3 tests, 0 failed" in run.stdout, run.stdout
        write(folder, "t/u.hvtest.yaml", TESTS.replace("count: 2", "count: 3").replace("topology-product", "HV0401"))
        run = hvcc("test", "t", cwd=folder)
        equal(run.returncode, 1)
        assert b"6 tests, 2 failed" in run.stdout, run.stdout
        for code in (b"HV0935", b"HV0936", b"HV0937"):
            assert b"error[" + code + b"]" in run.stderr, run.stderr
        tap = hvcc("test", "--format", "tap", "t", cwd=folder)
        equal(tap.returncode, 1)
        lines = tap.stdout.decode().splitlines()
        equal([line.split(" - ")[0] for line in lines if re.match("(not )?ok", line)],
              ["ok 1", "ok 2", "ok 3", "not ok 4", "not ok 5", "ok 6"])
        assert "1..6" in lines and lines[0] == "TAP version 13"
        suite = xml.etree.ElementTree.fromstring(hvcc("test", "--format", "junit", "t", cwd=folder).stdout).find("testsuite")
        equal((suite.get("tests"), suite.get("failures"), len(suite.findall("testcase")), len(suite.findall("testcase/failure"))),
              ("6", "2", 6, 2))
        equal(suite.findall("testcase")[3].get("name"), "t/u.hvtest.yaml: good")
        for arguments, want in [(["empty"], 3), (["none"], 3), (["g.yaml"], 1), (["t/good.hvtest.yaml"], 0)]:
            equal(hvcc("test", *arguments, cwd=folder).returncode, want, arguments)
        equal(hvcc("check", "t/good.hvtest.yaml", cwd=folder).returncode, 0)


@test
def tests_of_the_examples():
    run = hvcc("test", "examples", cwd=TOP)
    equal((run.returncode, run.stderr), (0, b""), run.stdout)


@test
def the_language_is_explained():
    text = hvcc("explain", "expressions").stdout.decode()
    with open(os.path.join(TOP, "schema/expressions.md"), encoding="utf-8") as file:
        page = file.read()
    for name in re.findall(r"([a-z-]+)\(", text):
        assert f"{name}(" in page, name


def alternatives(schema, root):
    """What a schema may be, through references."""
    while "$ref" in schema:
        name = schema["$ref"]
        if not name.startswith("#"):
            return  # another form has a run of its own
        schema = root["$defs"][name.rsplit("/", 1)[1]]
    if "oneOf" in schema:
        for one in schema["oneOf"]:
            yield from alternatives(one, root)
    else:
        yield schema


def maps_of(schema, root, wrap):
    """Each map with known keys: (its schema, what makes a document of the text of that map)."""
    for one in alternatives(schema, root):
        if "properties" in one:
            yield one, wrap
            for key, below in one["properties"].items():
                yield from maps_of(below, root, lambda text, key=key, wrap=wrap: wrap("{ %s: %s }" % (key, text)))
        elif "items" in one:
            yield from maps_of(one["items"], root, lambda text, wrap=wrap: wrap("[ %s ]" % text))
        elif isinstance(one.get("additionalProperties"), dict):
            yield from maps_of(one["additionalProperties"], root, lambda text, wrap=wrap: wrap("{ \"0\": %s }" % text)
                               if re.search(one["propertyNames"]["pattern"], "0") else wrap("{ a: %s }" % text))


def misspelt(key):
    return key[:-2] + key[-1] + key[-2] if len(key) > 4 and key[-1] != key[-2] else key + key[-1]


@test
def each_key_is_meant():
    """A slip in any key of any form is an unknown key, shown at its place, and what was meant is said."""
    tried, wrong = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for form in ("guest", "system", "platform", "policy", "test"):
            with open(os.path.join(TOP, f"schema/{form}.schema.json"), encoding="utf-8") as file:
                root = json.load(file)
            documents = []
            for one, wrap in maps_of(root, root, lambda text: text):
                for key in one["properties"]:
                    slip = misspelt(key)
                    if slip in one["properties"] or wrap is None:
                        continue
                    text = wrap("{ %s: 1 }" % slip)
                    text = "{ schema: hvcc/%s/v1, %s" % (form, text[2:])
                    if key == "schema" and text.count("{") == 1:
                        continue
                    documents.append((key, slip, text))
            for i, (key, slip, text) in enumerate(documents):
                write(folder, f"{form}{i}.yaml", text + "\n")
            names = [f"{form}{i}.yaml" for i in range(len(documents))]
            seen = {}
            for start in range(0, len(names), 100):
                _, diagnostics = found("check", "--no-files", *names[start:start + 100], cwd=folder)
                for d in diagnostics:
                    if d["code"] == "HV0130":
                        seen.setdefault(d["file"], []).append(d)
            for name, (key, slip, text) in zip(names, documents):
                tried += 1
                place = text.index(f"{{ {slip}:" if f"{{ {slip}:" in text else f", {slip}:") + 3
                if not any(d["column"] == place and f"did you mean `{key}`?" in d["help"] for d in seen.get(name, [])):
                    wrong.append((text, seen.get(name)))
    assert not wrong, "\n".join(f"{text}\n  {seen}" for text, seen in wrong[:20])
    assert tried > 200, tried
    print(f"# {tried} keys")


@test
def odd_files():
    """Line ends of other systems, a mark at the beginning, tabs, nothing: read, or refused with the place."""
    with tempfile.TemporaryDirectory() as folder:
        def check(data):
            with open(os.path.join(folder, "f.yaml"), "wb") as file:
                file.write(data)
            return found("check", "--no-files", "f.yaml", cwd=folder)
        good = GUEST.encode()
        equal(check(good), (0, []))
        equal(check(good.replace(b"\n", b"\r\n")), (0, []))
        equal(check(b"\xef\xbb\xbf" + good), (0, []))
        equal(check(good.rstrip(b"\n")), (0, []))
        code, diagnostics = check((GUEST + "pv: noen\n").replace("\n", "\r\n").encode())
        equal((code, diagnostics[0]["line"], diagnostics[0]["column"]), (1, 6, 5))
        code, diagnostics = check(b"\xef\xbb\xbf" + good.replace(b"name: g", b"nmae: g"))
        assert {"code": "HV0130", "line": 2, "column": 1}.items() <= next(d for d in diagnostics if d["code"] == "HV0130").items()
        code, diagnostics = check(b"schema: hvcc/guest/v1\nvcpus:\n\tcount: 2\n")
        equal((code, diagnostics[0]["code"], diagnostics[0]["line"]), (1, "HV0101", 3))
        for data in (b"", b"\n\n", b"# only this\n", b"\xef\xbb\xbf"):
            code, diagnostics = check(data)
            equal((code, [d["code"] for d in diagnostics]), (1, ["HV0112"]), data)


def main():
    print(f"1..{len(tests)}")
    failed = 0
    for number, function in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} - rules: {function.__name__}")
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - rules: {function.__name__}")
            print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# "))
        sys.stdout.flush()
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
