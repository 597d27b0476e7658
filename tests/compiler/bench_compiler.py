#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `hvcc check` costs: instructions (valgrind) and memory over fleets of 10 to 10,000 guests of 100 lines each, and its time as
a ratio to what others need to validate as much: python3-jsonschema and `xmllint --relaxng` the same content against the same
rules (the schema turned into RELAX NG here), dtc a tree of as many lines. Ratios are of one run on one machine, best of three.

`make bench` prints it; alone this file prints its own part. tests/boot/bench.py puts the instruction counts beside the design's budgets.
"""

import json
import os
import re
import subprocess
import sys
import time
from xml.sax.saxutils import escape, quoteattr

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.environ.get("HVCC", os.path.join(TOP, "build/hvcc"))
WORK = os.path.join(TOP, "build/bench/compiler")
FLEETS = (10, 100, 1000, 10000)
COMPARED = 1000

POLICY = ["require sse4.2, popcnt;", "require aes, pclmulqdq;", "optional avx2, bmi1, bmi2, fma;", "optional avx512*;", "disable rdrand;",
          "disable rdseed;", "forbid sse4a;"]


def guest(number):
    """One guest, 100 lines of YAML in block style: as values, for the other validators too."""
    return {
        "name": "guest%d" % number,
        "vcpus": {"count": 4, "topology": {"sockets": 1, "dies": 1, "cores": 2, "threads": 2}, "apic": {"mode": "x2apic"}},
        "cpu": {"model": "x86-64-v2", "cpuid": "\n".join(POLICY) + "\n"},
        "memory": {"size": "%dMiB" % (64 + number % 64), "regions": [
            {"gpa": 0, "size": "640KiB", "name": "low"}, {"gpa": 0xa0000, "size": "384KiB", "kind": "reserved", "name": "legacy"},
            {"gpa": 0x100000, "size": "%dKiB" % ((64 + number % 64) * 1024 - 640), "name": "main"}]},
        "boot": {"protocol": "multiboot2", "kernel": "kernels/test", "cmdline": "console=ttyS0 quiet guest=%d" % number,
                 "modules": [{"path": "modules/%d" % n, "args": "module %d" % n} for n in range(15)]},
        "devices": {"serial": [{"id": "com%d" % (n + 1), "model": "ns16550a", "io": io, "irq": irq, "backend": "none" if n else "console"}
                               for n, (io, irq) in enumerate(((0x3f8, 4), (0x2f8, 3)))], "debug-exit": {"io": 0xf4}},
        "acpi": {"oem-id": "FLEET", "oem-table-id": "FLEET%d" % (number % 1000), "oem-revision": number},
        "timers": ["pit", "hpet"],
        "events": {"on-poweroff": {"action": "destroy"},
                   "on-reboot": {"action": "restart", "max-restarts": 3, "within": "90s", "then": "preserve"},
                   "on-crash": {"action": "destroy"}},
        "pv": ["kvm"],
    }


def lines_of(value, indent):
    """YAML in block style."""
    pad = "  " * indent
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield "%s%s:" % (pad, key)
                yield from lines_of(inner, indent + 1)
            elif isinstance(inner, str) and "\n" in inner:
                yield "%s%s: |" % (pad, key)
                yield from (pad + "  " + line for line in inner.splitlines())
            else:
                yield "%s%s: %s" % (pad, key, inner)
        return
    for item in value:
        if isinstance(item, dict):
            inner = list(lines_of(item, indent + 1))
            yield pad + "- " + inner[0].lstrip()
            yield from inner[1:]
        else:
            yield "%s- %s" % (pad, item)


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def system(count):
    return {"schema": "hvcc/system/v1", "name": "fleet", "guests": [guest(number) for number in range(count)]}


def fleet(count):
    return write("fleet-%d.yaml" % count, "\n".join(lines_of(system(count), 0)) + "\n")


def instructions(*command):
    """Instructions of a host program that must succeed."""
    result = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return int(re.search(r"Collected : (\d+)", result.stderr).group(1))


def run(*command):
    """Seconds and the largest resident size in KiB of a program that must succeed: the best of three."""
    best, size = None, 0
    for _ in range(3):
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, "%s: exit %d" % (" ".join(command), process.returncode)
        seconds = time.monotonic() - begin
        best, size = min(best or seconds, seconds), max(size, usage.ru_maxrss)
    return best, size


# ---------------------------------------------------------------- the same content for other validators
def xml(name, value):
    if isinstance(value, dict):
        return "<%s>%s</%s>" % (name, "".join(xml(key, inner) for key, inner in value.items()), name)
    if isinstance(value, list):
        return "<%s>%s</%s>" % (name, "".join(xml("item", inner) for inner in value), name)
    return "<%s>%s</%s>\n" % (name, escape(str(value).lower() if isinstance(value, bool) else str(value)), name)


def relaxng(schema, document, documents):
    """A JSON schema's rules about structure, words, patterns and ranges, as a RELAX NG pattern."""
    if "$ref" in schema:
        name, _, place = schema["$ref"].partition("#")
        found = document = documents[name] if name else document
        for step in place.split("/")[1:]:
            found = found[step]
        return relaxng(found, document, documents)
    if "oneOf" in schema:
        return "<choice>%s</choice>" % "".join(relaxng(one, document, documents) for one in schema["oneOf"])
    if "enum" in schema:
        return "<choice>%s</choice>" % "".join("<value>%s</value>" % escape(str(word)) for word in schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        parts = []
        for key, inner in schema.get("properties", {}).items():
            element = "<element name=%s>%s</element>" % (quoteattr(key), relaxng(inner, document, documents))
            parts.append(element if key in schema.get("required", ()) else "<optional>%s</optional>" % element)
        return "<interleave>%s</interleave>" % "".join(parts) if parts else "<empty/>"
    if kind == "array":
        return "<zeroOrMore><element name='item'>%s</element></zeroOrMore>" % relaxng(schema["items"], document, documents)
    if kind == "integer":
        limits = [(name, schema[key]) for key, name in (("minimum", "minInclusive"), ("maximum", "maxInclusive")) if key in schema]
        return "<data type='integer'>%s</data>" % "".join("<param name='%s'>%s</param>" % limit for limit in limits)
    if kind == "boolean":
        return "<data type='boolean'/>"
    pattern = schema.get("pattern", "")
    return "<data type='string'>%s</data>" % ("<param name='pattern'>%s</param>" % escape(pattern.strip("^$")) if pattern and "|" not in pattern else "")


def schemas():
    result = {}
    for name in sorted(os.listdir(os.path.join(TOP, "schema"))):
        if name.endswith(".schema.json"):
            with open(os.path.join(TOP, "schema", name), encoding="utf-8") as file:
                result[name] = json.load(file)
    return result


JSONSCHEMA = """
import json, sys
from jsonschema import Draft202012Validator, RefResolver
schemas = {name: json.load(open(sys.argv[1] + "/" + name)) for name in ("guest.schema.json", "system.schema.json")}
top = schemas["system.schema.json"]
validator = Draft202012Validator(top, resolver=RefResolver("", top, store=schemas))
sys.exit(1 if list(validator.iter_errors(json.load(open(sys.argv[2])))) else 0)
"""


def compare(count):
    """[(what, seconds)]: hvcc first, each of the others on as much."""
    path, content, rules = fleet(count), system(count), schemas()
    # JSON Schema knows no units and no bases: the values are as YAML's reader for editors would hand them over.
    as_json = write("fleet.json", json.dumps(content))
    as_xml = write("fleet.xml", "<?xml version='1.0'?>\n" + xml("system", content))
    grammar = write("fleet.rng", "<grammar xmlns='http://relaxng.org/ns/structure/1.0' datatypeLibrary='http://www.w3.org/2001/XMLSchema-datatypes'>"
                    "<start><element name='system'>%s</element></start></grammar>" % relaxng(rules["system.schema.json"], rules["system.schema.json"], rules))
    with open(path, encoding="utf-8") as file:
        lines = sum(1 for _ in file)
    nodes = "".join("\tnode@%x {\n%s\t};\n" % (n, "".join("\t\tproperty-%d = <0x%x>;\n" % (i, n) for i in range(98))) for n in range(lines // 100))
    tree = write("fleet.dts", "/dts-v1/;\n/ {\n%s};\n" % nodes)
    return [("hvcc check", run(HVCC, "check", "--no-files", path)[0]),
            ("python3-jsonschema", run("/usr/bin/python3", "-c", JSONSCHEMA, os.path.join(TOP, "schema"), as_json)[0]),
            ("xmllint --relaxng", run("xmllint", "--noout", "--relaxng", grammar, as_xml)[0]),
            ("dtc", run("dtc", "-q", "-O", "dtb", "-o", os.path.join(WORK, "fleet.dtb"), tree)[0])]


def prepare():
    os.makedirs(WORK, exist_ok=True)


def measure_fleets(counts=FLEETS):
    """[(guests, instructions, KiB of memory)]"""
    return [(count, instructions(HVCC, "check", "--no-files", fleet(count)), run(HVCC, "check", "--no-files", fleet(count))[1])
            for count in counts]


def print_ratios():
    results = compare(COMPARED)
    print("\n{:24}{:>10}{:>18}".format("%d guests" % COMPARED, "seconds", "times as long"))
    for what, seconds in results:
        print("{:24}{:>10.3f}{:>18.2f}".format(what, seconds, seconds / results[0][1]))


def main():
    prepare()
    print("{:>8}{:>18}{:>18}{:>12}".format("guests", "instructions", "a guest", "KiB"))
    for count, cost, size in measure_fleets():
        print("{:>8}{:>18,}{:>18,}{:>12,}".format(count, cost, cost // count, size))
    print_ratios()


if __name__ == "__main__":
    sys.exit(main())
