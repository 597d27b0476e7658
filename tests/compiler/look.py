#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc diff, graph and inspect --listing: what differs is said, rights first; pictures hold what is there. TAP."""
import json
import os
import subprocess
import tempfile
import xml.etree.ElementTree as tree

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
hvcc = os.environ.get("HVCC", os.path.join(top, "build/asan/hvcc"))
BASE = """schema: hvcc/guest/v1
name: g
vcpus: { topology: { sockets: 2, cores: 2, threads: 2 }, pin: { 0: 4 } }
cpu:
  model: x86-64-v3
  cpuid: |
    require aes;
    optional spec-ctrl;
memory: { size: 4MiB }
boot: { kernel: kernel, protocol: raw, raw: { load-address: 0x8000, entry: 0x8000 } }
devices: { serial: [ { id: com1 } ] }
"""
# (what is replaced, by what, how the change shows: rights or other, sign, words, place on either side)
CHANGES = [
    ("require aes;", "", "rights", "lost", "cpuid", "aes", None),
    ("optional spec-ctrl;", "", "rights", "lost", "msr", "0x48 IA32_SPEC_CTRL", None),
    ("require aes;", "require aes; optional rdseed;", "rights", "gained", "cpuid", "rdseed", None),
    ("require aes;", "optional aes;", "rights", "changed", "cpuid", "aes", "b.yaml:6"),
    ("model: x86-64-v3", "model: x86-64-v2", "rights", "lost", "cpuid", "avx2", None),
    ("4MiB", "8MiB", "rights", "gained", "memory", "0x000000000000", "b.yaml:9:17"),
    ("0: 4", "0: 5", "rights", "changed", "cpus", "vCPU 0", "b.yaml:3"),
    ("sockets: 2", "sockets: 1", "rights", "lost", "cpus", "vCPUs", "b.yaml:3"),
    ("{ id: com1 }", "{ id: com1, io: 0x2f8, irq: 3 }", "rights", "gained", "ports", "0x2f8-0x2ff", "b.yaml:11"),
    ("{ id: com1 }", "{ id: com1, backend: none }", "other", "changed", "device", "com1", "b.yaml:11"),
    ("entry: 0x8000", "entry: 0x8010", "other", "changed", "boot", "entry", None),
    ("name: g\n", "name: g\nevents: { on-crash: restart }\n", "other", "changed", "event", "on-crash", None),
    ("name: g\n", "name: h\n", "rights", "gained", "guest", "", "b.yaml:1"),
]
number = 0


def ok(good, what, detail=""):
    global number
    number += 1
    print(("ok" if good else "not ok") + f" {number} - {what}")
    if not good:
        print("# " + detail.replace("\n", "\n# "))


def run(*command):
    return subprocess.run([hvcc, *command], capture_output=True, text=True)


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


def differences():
    for old, new, part, change, kind, key, place in CHANGES:
        assert old in BASE
        write("b.yaml", BASE.replace(old, new, 1))
        result = run("diff", "--json", "a.yaml", "b.yaml")
        rows = json.loads(result.stdout)[part] if result.returncode == 0 else []
        found = [r for r in rows if (r["change"], r["kind"], r["key"]) == (change, kind, key)]
        good = found and (not place or (found[0]["new"]["position"] or "").startswith(place))
        ok(bool(good), f"diff: {old.strip()!r} -> {new.strip()!r}: {change} {kind} {key}",
           result.stderr + result.stdout[:2000])
        back = run("diff", "--json", "b.yaml", "a.yaml")
        other = {"gained": "lost", "lost": "gained", "changed": "changed"}[change]
        rows = json.loads(back.stdout)[part]
        ok(any((r["change"], r["kind"], r["key"]) == (other, kind, key) for r in rows), f"... and back: {other}",
           back.stdout[:2000])
    text = run("diff", "--exit-code", "a.yaml", "b.yaml")
    ok(text.returncode == 1 and text.stdout.startswith("rights gained\n  + h: guest"), "diff: rights come first", text.stdout)
    ok(run("diff", "a.yaml", "b.yaml").returncode == 0, "diff: exit 0 without --exit-code")
    same = run("diff", "--exit-code", "a.yaml", "a.blob")
    ok(same.returncode == 0 and same.stdout == "no difference\n", "diff: a file and its image", same.stdout + same.stderr)
    write("bad.yaml", BASE.replace("4MiB", "4MiBs"))
    bad = run("diff", "a.yaml", "bad.yaml")
    ok(bad.returncode == 1 and "bad.yaml:9" in bad.stderr, "diff: errors of the second file have their places", bad.stderr)
    ok(run("diff", "a.yaml", "nothing").returncode == 3, "diff: a file that is not there")


def texts(svg):
    return [t.text for t in tree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def inside(svg):
    """Every box and text lies in the picture."""
    root = tree.fromstring(svg)
    width, height = float(root.get("width")), float(root.get("height"))
    rects = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    return rects and all(float(r.get("x")) + float(r.get("width")) <= width + 1 and
                         float(r.get("y")) + float(r.get("height")) <= height + 1 for r in rects)


def pictures():
    want = {
        "topology": ["socket 1", "core 1", "vCPU 7", "APIC 0 → CPU 4"],
        "memory": ["0xfee00000", "lapic registers  ·  4 KiB", "RAM  ·  4 MiB", "0x00008000", "ACPI tables"],
        "devices": ["com1 (uart)", "ports 0x3f8-0x3ff, console of the core", "interrupt 4", "00:00.0 host-bridge"],
        "shares": ["host CPU 4", "console of the core", "file kernel", "host CPUs that are free"],
    }
    for view, words in want.items():
        svg = run("graph", "a.yaml", "--view", view).stdout
        have = texts(svg)
        missing = [w for w in words if not any(w in t for t in have)]
        ok(not missing and inside(svg), f"graph: {view} as SVG", f"missing {missing} in {have}")
        outline = run("graph", "a.yaml", "--view", view, "--type", "text").stdout
        missing = [w for w in words if w not in outline]
        ok(not missing, f"graph: {view} as text", f"missing {missing} in {outline}")
        dot = run("graph", "a.yaml", "--view", view, "--type", "dot").stdout
        ok(dot.startswith("digraph") and dot.count("{") == dot.count("}") and words[0] in dot, f"graph: {view} as DOT", dot)
    ok(run("graph", "a.blob").stdout == run("graph", "a.yaml").stdout, "graph: an image gives the same picture")
    ok(run("graph", "a.yaml", "-o", "a.svg").returncode == 0 and open("a.svg").read() == run("graph", "a.yaml").stdout,
       "graph: -o writes a file")
    ok(run("graph", "a.yaml", "--guest", "g").returncode == 0, "graph: one guest")
    for wrong in (["--guest", "other"], ["--view", "nothing"], ["--type", "png"]):
        ok(run("graph", "a.yaml", *wrong).returncode == 2, f"graph: {' '.join(wrong)} is a usage error")


PLAN = """schema: hvcc/system/v1
shmem-regions: [ { name: telemetry, size: 2MiB, members: { rt: read-write, db: read-only } } ]
networks: [ { name: lan0, mtu: 9000 } ]
scheduling:
  tables:
    - { cpu: 1, major-frame: 10ms, slots: [ { start: 5ms, length: 2ms, guest: rt }, { start: 0us, length: 4ms, guest: rt } ] }
control: { guest: db, over: [rt], rights: [list] }
bind: { db: { pin: { 0: 2 } } }
guests:
  - name: rt
    scheduling: { scheduler: table, period: 10ms, budget: 6ms }
    vcpus: { pin: { 0: 1 } }
    memory: { size: 64MiB }
    boot: { kernel: k }
    devices:
      shmem: [ { id: ring, region: telemetry } ]
      virtio: [ { id: net, type: net, backend: { network: lan0 } }, { id: disk, type: blk, backend: { vm: db, export: rt-disk } } ]
  - name: db
    vcpus: { count: 3 }
    memory: { size: 1GiB }
    boot: { kernel: k }
    devices:
      virtio: [ { id: con, type: console, ports: 2 }, { id: net, type: net, backend: { network: lan0 } } ]
      exports: [ { name: rt-disk, type: blk, to: rt } ]
      shmem: [ { id: ring, region: telemetry, access: read-only } ]
"""


def plans():
    """What is drawn of documents: nothing of it need be in the core of this release."""
    write("plan.yaml", PLAN)
    for view, words in {
            "common": ["memory telemetry", "rt reads and writes, db reads", "network lan0", "2 cards, packets of 9000 bytes", "rt-disk",
                       "of db for rt", "by db, over those tied here"],
            "schedule": ["host CPU 1", "again each 10 ms", "4 ms from 0 ms", "1 ms from 4 ms", "2 ms from 5 ms", "3 ms from 7 ms", "host CPU 2",
                         "db vCPU 0", "alone, all the time", "2 vCPUs of db"]}.items():
        run_ = run("graph", "plan.yaml", "--view", view)
        have = texts(run_.stdout) if run_.returncode == 0 else [run_.stderr]
        missing = [w for w in words if not any(w in t for t in have)]
        ok(run_.returncode == 0 and not missing and inside(run_.stdout), f"graph: {view}", f"missing {missing} in {have}")
    svg = tree.fromstring(run("graph", "plan.yaml", "--view", "common").stdout)
    lines = [e for e in svg.iter("{http://www.w3.org/2000/svg}path")]
    ok(len(lines) == 8, "graph: a line for each that has a part", f"{len(lines)} lines")
    svg = tree.fromstring(run("graph", "plan.yaml", "--view", "schedule").stdout)
    widths = [float(r.get("width")) for r in svg.iter("{http://www.w3.org/2000/svg}rect")]
    slots = sorted(w for w in widths if 100 < w < 700)
    ok(any(abs(a - 2 * b) < 0.15 * a for a in slots for b in slots), "graph: what is twice as long is twice as wide", str(widths))
    for arguments, code in ([["a.yaml", "--view", "common"], 0], [["a.yaml", "--view", "schedule", "--guest", "g"], 2], [["a.blob", "--view", "schedule"], 1]):
        ok(run("graph", *arguments).returncode == code, f"graph {' '.join(arguments)}: exit {code}")


def nodes():
    numa = BASE.replace("memory: { size: 4MiB }", "memory: { numa: [ { node: 0, cpus: 0-3, size: 2MiB, distances: { 1: 21 } }, "
                        "{ node: 1, cpus: 4-7, size: 2MiB, host-node: 1 }, { node: 2, size: 4MiB } ] }")
    write("numa.yaml", numa)
    for view, words in {"topology": ["NUMA node 0", "2MiB, vCPUs 0-3", "4MiB, no vCPU", "host node 1", "socket 1"],
                        "memory": ["RAM of node 0", "RAM of node 2  ·  4 MiB"]}.items():
        svg = run("graph", "numa.yaml", "--view", view).stdout
        missing = [w for w in words if not any(w in t for t in texts(svg))]
        ok(not missing and inside(svg), f"graph: {view} with nodes", f"missing {missing} in {texts(svg)}")
    write("other.yaml", numa.replace("0-3", "'1,2-3,0'").replace("{ 1: 21 }", "{ 1: 30 }"))
    rows = json.loads(run("diff", "--json", "numa.yaml", "other.yaml").stdout)["other"]
    ok(any((r["change"], r["key"]) == ("changed", "NUMA node 0") for r in rows), "diff: a distance", str(rows)[:2000])
    write("split.yaml", numa.replace("0-3", "'0-1,4-5'").replace("4-7", "'2-3,6-7'"))
    have = texts(run("graph", "split.yaml").stdout)
    ok(any("node 1" in t for t in have if t.startswith("APIC")), "graph: a vCPU says its node where sockets have several", str(have))
    run("build", "--format", "blob", "-o", "numa.blob", "numa.yaml")
    ok(run("audit", "numa.blob").returncode == 0, "audit: an image with nodes")
    listing = run("inspect", "--listing", "numa.blob").stdout
    ok("node 1: 2MiB, vCPUs 4-7, host node 1, distances 21 10 20" in listing, "listing: nodes", listing[:3000])


def listing():
    result = run("inspect", "--listing", "a.blob")
    for words in ("vcpu      0: APIC id 0, core 0, die 0, NUMA node 0, host CPU 4, starts", "# a.yaml:3:", "aes?", "cs:rip 0800:0x0",
                  "4MiB ram", "device    uart \"com1\" at 0x3f8", "msr       c0000080 IA32_EFER: read core", "; CPU policy on AMD",
                  "feature   fpu:", "go; required"):
        ok(words in result.stdout, f"listing: {words}", result.stderr + result.stdout[:3000])
    ok(run("inspect", "--listing", "a.yaml").returncode == 1, "listing: of no image")


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        with open("kernel", "wb") as file:
            file.write(b"\xeb\xfe" * 64)
        write("a.yaml", BASE)
        built = run("build", "a.yaml", "--format", "blob", "-o", "a.blob")
        ok(built.returncode == 0, "the sample builds", built.stderr)
        differences()
        pictures()
        plans()
        nodes()
        listing()
        print(f"1..{number}")


main()
