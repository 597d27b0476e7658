#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hvcc gives to other programs, as TAP: reports in the formats of continuous integrations, lists, completion
scripts, manuals, schemas for editors."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.path.join(TOP, "build/hvcc")
CASES = os.path.join(TOP, "tests/compiler/cases")
GOOD = os.path.join(CASES, "config/everything.yaml")
BAD = os.path.join(CASES, "schema/all-in-one-run.yaml")
WARNED = os.path.join(CASES, "boot/console-missing.yaml")
TWICE = os.path.join(CASES, "system/cpu-twice.yaml")
BINARY = os.path.join(CASES, "yaml/yaml-encoding.yaml")
MISSING = "/no/such & <file>"

tests = []


def test(function):
    tests.append(function)
    return function


class Skip(Exception):
    pass


def hvcc(*arguments, **more):
    more.setdefault("stdin", subprocess.DEVNULL)
    if arguments.count("check") == 1 and "--files" not in arguments:  # no kernel of a case is there
        at = arguments.index("check") + 1
        arguments = arguments[:at] + ("--no-files",) + arguments[at:]
    return subprocess.run([HVCC, *arguments], capture_output=True, timeout=120, check=False, **more)


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def needs(program):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed")


def all_cases():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(CASES) for name in names
                  if name.endswith(".yaml"))


def findings(*names):
    return json.loads(hvcc("--format", "json", "check", *names).stdout)["diagnostics"]


# What SARIF 2.1.0 (OASIS, section 3) requires of the objects that hvcc writes: key, type, whether it must be there.
SARIF = {
    "log": {"$schema": str, "version!": str, "runs!": ["run"]},
    "run": {"tool!": "tool", "columnKind": str, "invocations": ["invocation"], "artifacts": ["artifact"],
            "results": ["result"]},
    "tool": {"driver!": "component"},
    "component": {"name!": str, "version": str, "rules": ["rule"]},
    "rule": {"id!": str, "name": str, "shortDescription": "message", "fullDescription": "message",
             "defaultConfiguration": "configuration"},
    "configuration": {"level": str},
    "message": {"text!": str},
    "invocation": {"executionSuccessful!": bool, "toolExecutionNotifications": ["notification"]},
    "notification": {"message!": "message", "level": str, "descriptor": "reference"},
    "reference": {"id": str, "index": int},
    "artifact": {"location": "artifactLocation"},
    "artifactLocation": {"uri": str, "index": int},
    "result": {"ruleId": str, "ruleIndex": int, "level": str, "message!": "message", "locations": ["location"],
               "relatedLocations": ["location"], "fixes": ["fix"]},
    "location": {"id": int, "physicalLocation": "physicalLocation", "message": "message"},
    "physicalLocation": {"artifactLocation!": "artifactLocation", "region": "region"},
    "region": {"startLine!": int, "startColumn": int, "endLine": int, "endColumn": int},
    "fix": {"description": "message", "artifactChanges!": ["change"]},
    "change": {"artifactLocation!": "artifactLocation", "replacements!": ["replacement"]},
    "replacement": {"deletedRegion!": "region", "insertedContent": "content"},
    "content": {"text": str},
}


def keeps_sarif(value, kind, run, path="$"):
    known = {key.rstrip("!"): below for key, below in SARIF[kind].items()}
    equal(type(value), dict, path)
    for key in SARIF[kind]:
        assert not key.endswith("!") or key[:-1] in value, f"{path}: no {key[:-1]}"
    for key, below in value.items():
        assert key in known, f"{path}: {key} is no property of {kind}"
        if isinstance(known[key], str):
            keeps_sarif(below, known[key], run, f"{path}.{key}")
        elif isinstance(known[key], list):
            equal(type(below), list, f"{path}.{key}")
            for i, item in enumerate(below):
                keeps_sarif(item, known[key][0], run, f"{path}.{key}[{i}]")
        else:
            equal(type(below), known[key], f"{path}.{key}")
        assert key != "level" or below in ("none", "note", "warning", "error"), f"{path}: level {below}"
        assert known[key] is not int or below >= (0 if key in ("index", "id", "ruleIndex") else 1), f"{path}.{key}: {below}"
    if kind == "region":
        assert (value["startLine"], value["startColumn"]) <= (value["endLine"], value["endColumn"]), path
    if kind == "artifactLocation":
        assert re.fullmatch(r"(?:[A-Za-z0-9._~/!$&'()*+,;=@:-]|%[0-9A-F]{2})+", value["uri"]), value
        if "index" in value:
            equal(run["artifacts"][value["index"]]["location"]["uri"], value["uri"], path)
    if kind == "result":
        equal(run["tool"]["driver"]["rules"][value["ruleIndex"]]["id"], value["ruleId"], path)


@test
def sarif_keeps_its_schema():
    for names in ([GOOD], [BAD], [WARNED], [TWICE], [BINARY], [MISSING], [BAD, MISSING, TWICE, GOOD]):
        log = json.loads(hvcc("--format", "sarif", "check", *names).stdout)
        run = log["runs"][0]
        keeps_sarif(log, "log", run)
        equal(log["version"], "2.1.0")
        seen = findings(*names)
        equal([r["ruleId"] for r in run["results"]], [d["code"] for d in seen if "location" in d], names)
        equal(run["invocations"][0]["executionSuccessful"], MISSING not in names, names)
        for result, found in zip(run["results"], [d for d in seen if "location" in d]):
            region = result["locations"][0]["physicalLocation"]["region"]
            equal([region[k] for k in ("startLine", "startColumn", "endLine", "endColumn")],
                  [found["location"][k] for k in ("line", "column", "end-line", "end-column")], names)


@test
def annotations_for_github():
    lines = hvcc("--format", "github", "check", BAD, MISSING, WARNED, TWICE).stdout.decode().splitlines()
    seen = findings(BAD, MISSING, WARNED, TWICE)
    equal(len(lines), len(seen))
    for line, found in zip(lines, seen):
        match = re.fullmatch(r"::(error|warning|notice) (?:file=([^,:]*),line=(\d+),col=(\d+),endLine=\d+(?:,endColumn=\d+)?,)?"
                             r"title=(HV\d{4})::(.*)", line)
        assert match, line
        equal(match.group(5), found["code"])
        assert match.group(6).startswith(found["message"].replace("%", "%25")), line
        if "location" in found:
            equal((int(match.group(3)), int(match.group(4))), (found["location"]["line"], found["location"]["column"]))


@test
def junit_is_one_case_a_file():
    for names in ([GOOD], [BAD, GOOD, MISSING, TWICE, BINARY, WARNED]):
        suite = xml.etree.ElementTree.fromstring(hvcc("--format", "junit", "check", *names).stdout)[0]
        cases = suite.findall("testcase")
        by_name = {case.get("name"): case for case in cases}
        equal(int(suite.get("tests")), len(cases), names)
        equal(int(suite.get("failures")), len(suite.findall("testcase/failure")), names)
        equal(int(suite.get("errors")), len(suite.findall("testcase/error")), names)
        for name in names:
            if name == MISSING:
                assert "no/such & <file>" in by_name["hvcc"].find("error").text
            else:
                equal(by_name[name].find("failure") is not None, name not in (GOOD, WARNED), name)
        if WARNED in names:
            assert "HV0606" in by_name[WARNED].find("system-out").text


@test
def tap_is_one_test_a_file():
    output = hvcc("--format", "tap", "check", BAD, GOOD, MISSING, WARNED).stdout.decode()
    lines = output.splitlines()
    equal(lines[0], "TAP version 13")
    results = [line for line in lines if re.match(r"(not )?ok ", line)]
    equal(lines[1], f"1..{len(results)}")
    equal([line.split(" - ")[1] for line in results], ["hvcc", BAD, GOOD, WARNED])
    equal([line.startswith("ok") for line in results], [False, False, True, True])
    for block in re.findall(r"^  ---\n(.*?)^  \.\.\.$", output, re.M | re.S):
        assert re.match(r"  - code: HV\d{4}\n", block), block


@test
def early_errors():
    """Programs get what they can read, for usage and environment, too; people what they read, always."""
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report")
        for code, exit_code, arguments in [
                ("HV0004", 2, ["chek"]), ("HV0004", 2, ["check"]), ("HV0004", 2, ["check", "--nonsense", GOOD]),
                ("HV0004", 2, ["config", GOOD, GOOD]), ("HV0004", 2, ["build", "--format", "iso", GOOD]),
                ("HV0004", 2, ["explain", "nonsense"]), ("HV0005", 3, ["-C", "/no/such", "check", GOOD]),
                ("HV0005", 3, ["build", os.path.join(TOP, "examples/hello/guest.yaml"), "--core", "/no/such"]),
                ("HV0001", 3, ["check", MISSING])]:
            for after in (False, True):
                words = ["--format", "json"]
                run = hvcc(*(arguments + words if after and "build" not in arguments else words + arguments))
                equal((run.returncode, run.stderr), (exit_code, b""), arguments)
                equal([d["code"] for d in json.loads(run.stdout)["diagnostics"]], [code], arguments)
            run = hvcc("--format", "sarif", "--report", report, *arguments)
            equal((run.returncode, run.stdout), (exit_code, b""), arguments)
            assert run.stderr.startswith(b"hvcc: ") or b"error[HV0001]" in run.stderr, run.stderr
            with open(report, encoding="utf-8") as file:
                log = json.load(file)
            keeps_sarif(log, "log", log["runs"][0])
            equal(log["runs"][0]["invocations"][0]["executionSuccessful"], False, arguments)
        run = hvcc("--report", "/no/such/folder/r", "check", GOOD)
        equal(run.returncode, 3)
        assert b"cannot write" in run.stderr, run.stderr
        run = hvcc("--format", "json", "--report", report, "check", BAD)
        equal((run.returncode, run.stdout), (1, b""))
        assert b"\n6 errors, 0 warnings" in run.stderr, run.stderr
        run = hvcc("--report", report, "config", GOOD)
        equal(run.returncode, 0)
        assert run.stdout.startswith(b"schema: "), run.stdout


@test
def output_and_findings_are_apart():
    """A command with output of its own keeps it to itself."""
    run = hvcc("--format", "json", "config", WARNED)
    assert run.stdout.startswith(b"schema: hvcc/guest/v1"), run.stdout
    equal([d["code"] for d in json.loads(run.stderr)["diagnostics"]], ["HV0606"])
    run = hvcc("--format", "json", "config", BAD)
    assert json.loads(run.stdout)["errors"], run.stdout
    equal(run.stderr, b"")


@test
def codes_are_listed():
    codes = json.loads(hvcc("codes", "--json").stdout)
    equal(len({c["id"] for c in codes}), len(codes))
    equal(len(hvcc("codes").stdout.decode().splitlines()), len(codes))
    for code in codes:
        equal(sorted(code), ["id", "name", "sentence", "severity"])
        assert re.fullmatch(r"HV\d{4}", code["id"]) and code["severity"] in ("error", "warning", "note"), code
        assert code["sentence"] and "%" not in code["sentence"], code
        equal(hvcc("explain", code["name"]).stdout.split()[0].decode(), code["id"])


@test
def completions_are_scripts():
    listing = hvcc("--help").stdout.decode()
    commands = re.findall(r"^  ([a-z]+) ", listing.split("Options")[0], re.M)
    for shell in ("bash", "zsh", "fish"):
        script = hvcc("completion", shell).stdout.decode()
        for word in commands + ["--files" if shell != "fish" else "-l files", "sarif"]:
            assert word in script, (shell, word)
        if shutil.which(shell):
            run = subprocess.run([shell, "-n"], input=script.encode(), capture_output=True, check=False)
            equal((run.returncode, run.stderr), (0, b""), shell)
    equal(hvcc("completion", "csh").returncode, 2)


def complete(*words):
    """What bash offers for the last word."""
    script = hvcc("completion", "bash").stdout.decode()
    line = " ".join(f"'{word}'" for word in words)
    script += f'\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _hvcc; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    run = subprocess.run(["bash"], input=script.encode(), capture_output=True, check=False, cwd=os.path.join(TOP, "examples"),
                         env=dict(os.environ, PATH=os.path.dirname(HVCC) + ":" + os.environ["PATH"]))
    equal(run.stderr, b"", words)
    return run.stdout.decode().split()


@test
def completion_completes():
    equal(complete("hvcc", "che"), ["check"])
    equal(complete("hvcc", "--format", "j"), ["json", "junit"])
    equal(complete("hvcc", "build", "--format", "e"), ["elf"])
    equal(complete("hvcc", "check", "--format", "sa"), ["sarif"])
    equal(complete("hvcc", "check", "--fil"), ["--files"])
    equal(complete("hvcc", "explain", "HV020"), [c for c in hvcc("codes").stdout.decode().split() if c.startswith("HV020")])
    equal(complete("hvcc", "schema", "gu"), ["guest"])
    equal(complete("hvcc", "check", "hello/gu"), ["hello/guest.yaml"])
    equal(complete("hvcc", "-C", "lin"), ["linux"])
    assert "check" in complete("hvcc", "") and "--format" in complete("hvcc", "-")


@test
def manuals_are_complete():
    with tempfile.TemporaryDirectory() as folder:
        equal(hvcc("manual", "-o", folder).returncode, 0)
        pages = sorted(os.listdir(folder))
        equal(pages, sorted(hvcc("manual").stdout.decode().split()))
        text = {}
        for page in pages:
            with open(os.path.join(folder, page), "rb") as file:
                text[page] = file.read()
            equal(hvcc("manual", page).stdout, text[page], page)
            equal(hvcc("manual", page[:-2]).stdout, text[page], page)
        for form in ("guest", "system", "platform", "policy", "test"):
            schema = json.loads(hvcc("schema", form).stdout)
            for key in schema["properties"]:
                assert b"\n.B " + key.replace("-", "\\-").encode() + b"\n" in text[f"hvcc-{form}.5".replace("-test", "-hvtest")], (form, key)
        for command in re.findall(r"^  ([a-z]+) ", hvcc("--help").stdout.decode().split("Options")[0], re.M):
            for option in re.findall(r"--([a-z-]+)", hvcc(command, "--help").stdout.decode().split("Exit codes")[0]):
                assert option.replace("-", "\\-").encode() in text[f"hvcc-{command}.1"], (command, option)
        paths = [os.path.join(folder, page) for page in pages]
        if shutil.which("groff"):
            run = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", *paths], capture_output=True, check=False)
            equal(run.stderr.decode(), "")
        if shutil.which("mandoc"):
            run = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *paths], capture_output=True, check=False)
            equal(run.stdout.decode(), "")
    equal(hvcc("manual", "hvcc-nonsense").returncode, 2)
    equal(hvcc("manual", "-o", "/no/such/folder").returncode, 3)


def resolved(schema, root):
    """References to another form's file become that form, as an editor would fetch it."""
    if isinstance(schema, list):
        return [resolved(item, root) for item in schema]
    if not isinstance(schema, dict):
        return schema
    other = re.fullmatch(r"(\w+)\.schema\.json", schema.get("$ref", ""))
    if other:
        below = json.loads(hvcc("schema", other.group(1)).stdout)
        for key in ("$id", "$schema"):
            below.pop(key)
        root.setdefault("$defs", {}).update(below.pop("$defs", {}))
        return resolved(below, root)
    made = {key: resolved(value, root) for key, value in list(schema.items()) if key != "$defs"}
    return made | {"$defs": resolved(dict(root["$defs"]), root)} if schema is root and "$defs" in root else made


@test
def editors_can_use_the_schemas():
    """Every good document is valid by the plain schema, too, and most wrong ones are not."""
    try:
        import jsonschema
        import yaml
    except ImportError as error:
        raise Skip("python3-jsonschema or python3-yaml is not installed") from error

    class Core(yaml.SafeLoader):  # YAML 1.2, as editors read it
        pass
    Core.yaml_implicit_resolvers = {}
    Core.add_constructor("!policy", lambda loader, node: node.value)
    for tag, pattern, first in [("bool", r"true|false", "tf"), ("null", r"~|null|", "~n"),
                                ("int", r"[1-9][0-9]*|0|0x[0-9a-fA-F]+", "0123456789")]:
        Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), list(first))

    checkers = {}
    for form in ("guest", "system", "platform", "policy", "test"):
        text = json.loads(hvcc("schema", form).stdout)
        jsonschema.Draft202012Validator.check_schema(text)
        checkers[f"hvcc/{form}/v1"] = jsonschema.Draft202012Validator(resolved(text, text))

    def texts(value):
        """Keys are text in JSON, whatever YAML makes of them."""
        if isinstance(value, dict):
            return {str(key): texts(below) for key, below in value.items()}
        return [texts(below) for below in value] if isinstance(value, list) else value

    good = 0
    examples = [os.path.join(TOP, "examples", name, file) for name in os.listdir(os.path.join(TOP, "examples"))
                for file in os.listdir(os.path.join(TOP, "examples", name)) if file.endswith(".yaml")]
    for name in examples + all_cases():
        if hvcc("check", name).returncode != 0:
            continue
        with open(name, encoding="utf-8") as file:
            text = file.read()
        if re.search("extends:|!include|[$][{]", text):  # what becomes of several files
            text = hvcc("config", name).stdout.decode()
        if not text:  # a template
            continue
        document = texts(yaml.load(text, Core))
        errors = [error.message for error in checkers[document["schema"]].iter_errors(document)]
        assert not errors, (name, errors)
        good += 1
    assert good > 10, good
    for name in ("unknown-key", "bad-word", "wrong-type", "out-of-range", "bad-pattern", "missing-key"):
        with open(os.path.join(CASES, "schema", name + ".yaml"), encoding="utf-8") as file:
            document = texts(yaml.load(file, Core))
        assert not checkers[document["schema"]].is_valid(document), name


MESSY = b"""\
\xef\xbb\xbf# yaml-language-server: $schema=guest.schema.json\r
   \n
\n\nschema:   hvcc/guest/v1   # the form
name : g
      # about memory
memory: {size:   64MiB}


vcpus:
        count: 4
        # the end of vcpus
   # of pin
        pin:    { 0:1,1 : 2 , 2: 3}
boot:
 kernel: k
 cmdline: "quiet \\
    console=ttyS0"
 protocol:
         linux
 modules:
 -   path:   m
     args: a b
        c
 # the second
 -
   path: n
   args: |-
      one  \n
        two
 initrd: i
cpu:
    cpuid: >2

      require aes;
        # not a comment
      disable rtm;
      \n
  # a comment
timers: [
    pit,   # why
  hpet ]
events: {}   \n
pv: [ kvm ]
# the end
...
"""

TIDY = """\
\ufeff# yaml-language-server: $schema=guest.schema.json

schema: hvcc/guest/v1   # the form
name: g
# about memory
memory: { size: 64MiB }

vcpus:
  count: 4
  # the end of vcpus
  # of pin
  pin: { 0:1, 1: 2, 2: 3 }
boot:
  kernel: k
  cmdline: "quiet \\
     console=ttyS0"
  protocol:
    linux
  modules:
    - path: m
      args: a b
         c
    # the second
    -
      path: n
      args: |-
        one  \n
          two
  initrd: i
cpu:
  cpuid: >2

    require aes;
      # not a comment
    disable rtm;

# a comment
timers: [
    pit,   # why
  hpet]
events: {}

pv: [kvm]
# the end
...
""".encode()


def events(text):
    """What a YAML reader of others makes of it, without places."""
    import yaml
    seen = []
    for event in yaml.parse(text, yaml.BaseLoader):
        for value in (type(event).__name__, getattr(event, "value", None), getattr(event, "anchor", None),
                      getattr(event, "tag", None), getattr(event, "style", None)):
            seen.append(value)
    return seen


def written(folder, data):
    path = os.path.join(folder, "f.yaml")
    with open(path, "wb") as file:
        file.write(data)
    return path


def formatted(folder, data):
    path = written(folder, data)
    run = hvcc("fmt", path)
    assert run.returncode == 0 and not run.stderr, run.stderr.decode()
    with open(path, "rb") as file:
        return file.read()


@test
def fmt_lays_out():
    with tempfile.TemporaryDirectory() as folder:
        for was, want in [
                (MESSY, TIDY), (TIDY, TIDY), (b"a: 1", b"a: 1\n"), (b"\n\na: 1\n\n\n", b"a: 1\n"), (b"a:  [ ]\n", b"a: []\n"),
                (b"a: { }\n", b"a: {}\n"), (b"a:\n- b\n- c:\n  - d\n", b"a:\n  - b\n  - c:\n      - d\n"),
                (b"-   - a\n    - b\n", b"- - a\n  - b\n"), (b"a: |\n   x", b"a: |\n  x"), (b"a: |+\n   x\n\n\n", b"a: |+\n  x\n\n\n"),
                (b"a: |\n   x\n\n\nb: 1\n", b"a: |\n  x\n\nb: 1\n"), (b"a: &x\n    b:  1\nc:   *x\n", b"a: &x\n  b: 1\nc: *x\n"),
                (b"a: |\n  ", b"a: |\n"), (b"a: 'x   y'\n", b"a: 'x   y'\n"), (b"a: 1 #  c\n", b"a: 1 #  c\n"), (b"{a: 1,b: [1,2]}\n", b"{ a: 1, b: [1, 2] }\n"),
                (b"--- # one\n  a: 1\n...\n", b"--- # one\na: 1\n...\n"), (b"a:\t1\t\n", b"a: 1\n"),
                (b"a:\n    - !policy |\n          x\n", b"a:\n  - !policy |\n    x\n"),
                ("ä:   { ö:1, ü : [ é,è ] }\n".encode(), "ä: { ö:1, ü: [é, è] }\n".encode())]:
            equal(formatted(folder, was), want, was)


@test
def fmt_keeps_what_is_said():
    """Over all documents there are, and over each of them indented otherwise: same content, same comments, and once is
    enough."""
    try:
        import yaml
    except ImportError as error:
        raise Skip("python3-yaml is not installed") from error
    names = all_cases() + [os.path.join(folder, name) for folder, _, files in os.walk(os.path.join(TOP, "examples"))
                           for name in files if name.endswith(".yaml")]
    corpus = os.path.join(TOP, "tests/fuzz/corpus/yaml")
    names += [os.path.join(corpus, name) for name in os.listdir(corpus)]
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            with open(name, "rb") as file:
                data = file.read()
            for variant in (data, data.replace(b"\n  ", b"\n      "), data.replace(b": ", b":   "), data.replace(b"\n", b"\r\n"),
                            data.replace(b"{ ", b"{").replace(b", ", b","), b"# c\n" + data.replace(b"\n", b" # c\n")):
                path = written(folder, variant)
                run = hvcc("fmt", path)
                with open(path, "rb") as file:
                    after = file.read()
                assert run.returncode in (0, 1), (name, run)
                if run.returncode or b"HV0115" in run.stderr:
                    equal(after, variant, name)
                    continue
                equal(events(after), events(variant), name)
                equal(re.findall(rb"#.*?(?=\s*$)", after, re.M), re.findall(rb"#.*?(?=\s*$)", variant, re.M), name)
                again = hvcc("fmt", "--check", path)
                equal((again.returncode, again.stdout), (0, b""), f"{name}: {after!r}")
                done += 1
    assert done > 300, done


@test
def fmt_checks_and_shows():
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, MESSY)
        os.chmod(path, 0o640)
        run = hvcc("fmt", "--check", path, os.path.join(TOP, "examples/hello/guest.yaml"))
        equal((run.returncode, run.stdout.decode(), run.stderr), (1, path + "\n", b""))
        run = hvcc("fmt", "--diff", path)
        equal(run.returncode, 0)
        with open(path, "rb") as file:
            equal(file.read(), MESSY)
        needs("patch")
        equal(subprocess.run(["patch", "-s", "--binary", path], input=run.stdout, check=False).returncode, 0, run.stdout)
        with open(path, "rb") as file:
            equal(file.read(), TIDY)
        written(folder, MESSY)
        link = os.path.join(folder, "link.yaml")
        os.symlink(path, link)
        equal(hvcc("fmt", link).returncode, 0)
        assert os.path.islink(link)
        equal(os.stat(path).st_mode & 0o777, 0o640)
        path = written(folder, b"? a\n: b\n")
        run = hvcc("fmt", path)
        equal(run.returncode, 0, run.stderr)
        for want, data in ((0, b"x:\n    ? a\n    : b\n    ? c\n    :   d: 1\n        e: 1\n"), (1, b"a: {"), (1, b"a: 1\na: 2\n"), (1, b"")):
            path = written(folder, data)
            run = hvcc("fmt", path)
            equal((run.returncode, b"HV0115" in run.stderr), (want, not want), data)
            with open(path, "rb") as file:
                equal(file.read(), data)
        equal(hvcc("fmt", MISSING).returncode, 3)


@test
def fix_puts_right():
    wrong = b"""\
# a guest that a person wrote in a hurry
schema: hvcc/guest/v1
name: g
vcpus: { cuont: "3", topology: { cores: 2, threads: 2 } }   # not the product
memory: { size: 64M }
boot:
  kernel: k
  protocol: lniux  # as always
  unpack: yes
  "cmd_line": quiet
events: { onReboot: destory }
cpu: { cpuid: "require aess; disable avx512_f;" }
"""
    right = (wrong.replace(b'cuont: "3"', b"count: 4").replace(b"64M", b"64MiB").replace(b"lniux", b"linux")
             .replace(b"yes", b"true").replace(b'"cmd_line"', b"cmdline").replace(b"onReboot: destory", b"on-reboot: destroy")
             .replace(b"aess", b"aes").replace(b"avx512_f", b"avx512f"))
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, wrong)
        run = hvcc("check", "--fix=diff", path)
        equal(run.returncode, 1)
        assert run.stdout.startswith(f"--- {path}\n+++ {path}\n@@ -1,".encode()), run.stdout
        with open(path, "rb") as file:
            equal(file.read(), wrong)
        run = hvcc("check", "--fix", path)
        with open(path, "rb") as file:
            equal(file.read().decode(), right.decode())
        equal((run.returncode, b"error" in run.stderr), (0, False), run.stderr)
        equal(hvcc("check", "--fix=diff", "--format", "json", path).returncode, 2)
        equal(hvcc("check", "--fix=all", path).returncode, 2)


@test
def fix_leaves_alone():
    """What may be meant so, what it cannot reach, and what would not be right afterwards."""
    base = b"schema: hvcc/guest/v1\nname: g\nmemory: { size: 64MiB }\nboot: { kernel: k }\n"
    with tempfile.TemporaryDirectory() as folder:
        for data in (base + b"cpu: { model: x86-64-v5 }\n", base + b"vcpus: { cuont: 1, coutn: 2 }\n",
                     base + b"vcpus: { cuont: 1, count: 2 }\n", base + b'cpu: { cpuid: "require avx3;" }\n',
                     base + b"vcpus: { nothing-like-it: 1 }\n", b"schema: hvcc/guest/v9\nname: g\n",
                     base + b"x: &x yes\n", base + b"devices: { serial: [{ id: a, irq: 010 }] }\n"):
            path = written(folder, data)
            equal(hvcc("check", "--fix", path).returncode, 1, data)
            with open(path, "rb") as file:
                equal(file.read(), data)


@test
def fixes_are_in_reports():
    name = os.path.join(CASES, "schema/unknown-key.yaml")
    fix = findings(name)[0]["fix"]
    equal([(f["location"]["line"], f["location"]["column"], f["text"]) for f in fix], [(5, 10, "count")])
    log = json.loads(hvcc("--format", "sarif", "check", name).stdout)
    change = log["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    equal((change["deletedRegion"]["startLine"], change["insertedContent"]["text"]), (5, "count"))


@test
def shards_are_parts():
    names = [name for name in all_cases() if "/schema/" in name]
    whole = findings(*names)
    parts = [d for i in (1, 2, 3) for d in json.loads(
        hvcc("--format", "json", "check", "--shard", f"{i}/3", *names).stdout)["diagnostics"]]
    key = json.dumps
    equal(sorted(map(key, parts)), sorted(map(key, whole)))
    for bad in ("0/3", "4/3", "1", "1/", "/2", "a/b", "1/2x", "-1/2", "1/0"):
        equal(hvcc("check", "--shard", bad, GOOD).returncode, 2, bad)
    equal(hvcc("check", "--shard", "2/2", GOOD).returncode, 0)


def main():
    chosen = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - tools: {function.__name__}", flush=True)
        except Skip as reason:
            print(f"ok {number} - tools: {function.__name__} # SKIP {reason}", flush=True)
        except Exception as error:  # an assertion, or what could not be read
            failed = True
            print(f"not ok {number} - tools: {function.__name__}")
            print("# " + f"{type(error).__name__}: {error}".replace("\n", "\n# "), flush=True)
    sys.exit(failed)


main()
