#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc decompile: what comes back builds to the same records, positions and folders apart. TAP."""
import glob
import json
import os
import random
import struct
import subprocess
import tempfile

import kernels
from blobs import Blob

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
hvcc = os.environ.get("HVCC", os.path.join(top, "build/asan/hvcc"))
RAW = "boot: { kernel: raw.bin, protocol: raw, raw: { load-address: 0x8000, entry: 0x8010 } }"
HEAD = "schema: hvcc/guest/v1\nname: g\n"
MEMORY = "memory: { size: 64MiB }\n"

GUESTS = {
    "raw, real mode": MEMORY + RAW,
    "raw, protected mode": MEMORY + RAW.replace("entry: 0x8010", "entry: 0x8010, mode: protected"),
    "raw, long mode": MEMORY + RAW.replace("entry: 0x8010", "entry: 0x8010, mode: long"),
    "bzImage": MEMORY + "boot: { kernel: bz, initrd: sub/initrd, cmdline: 'a \"b\" c' }",
    "bzImage, 32 bit": MEMORY + "boot: { kernel: bz32, initrd: sub/initrd, cmdline: x }",
    "bzImage without initrd": MEMORY + "boot: { kernel: bz }",
    "bzImage, unpacked": MEMORY + "boot: { kernel: bz, unpack: true, cmdline: nokaslr }",
    "vmlinux": MEMORY + "boot: { kernel: vmlinux, protocol: linux }",
    "PVH": MEMORY + "boot: { kernel: vmlinux, initrd: sub/initrd, cmdline: x }",
    "PVH with modules": MEMORY + "boot: { kernel: vmlinux, modules: [ { path: sub/initrd }, { path: raw.bin, args: 'm n' } ] }",
    "PVH, unpacked": MEMORY + "boot: { kernel: bz, protocol: pvh, unpack: true, cmdline: nokaslr }",
    "Multiboot, ELF": MEMORY + "boot: { kernel: mb1.elf, cmdline: x y }",
    "Multiboot, headers loaded": MEMORY + "boot: { kernel: whole.elf, modules: [ { path: raw.bin, args: z } ] }",
    "Multiboot with addresses": MEMORY + "boot: { kernel: mb1.bin }",
    "Multiboot2": MEMORY + "boot: { kernel: mb2.elf, cmdline: q, modules: [ { path: raw.bin, args: z }, { path: bz } ] }",
    "Multiboot2 with addresses": MEMORY + "boot: { kernel: mb2.bin }",
    "4 GiB": "memory: { size: 4GiB }\n" + RAW,
    "regions": "memory: { regions: [ { gpa: 0, size: 2MiB, name: low }, { gpa: 0x200000, size: 384KiB, kind: reserved }, "
               "{ gpa: 0x400000, size: 63MiB } ] }\n" + RAW,
    "topology": "vcpus: { topology: { sockets: 2, dies: 2, cores: 3, threads: 2 }, pin: { 0: 4, 23: 5 } }\n" + MEMORY + RAW,
    "NUMA": "vcpus: { topology: { sockets: 2, cores: 2 } }\nmemory: { numa: [ { node: 0, cpus: 0-1, size: 96MiB }, "
            "{ node: 1, cpus: 2-3, size: 4000MiB, host-node: 1, distances: { 0: 31 } } ] }\n" + RAW,
    "NUMA, uneven": "vcpus: { count: 6, topology: { dies: 3, cores: 1, threads: 2 } }\n"
                    "memory: { size: 3GiB, numa: [ { node: 1, cpus: '2-3', size: 1GiB, host-node: 0 }, { node: 0, cpus: '0-1,4-5', "
                    "size: 1GiB, host-node: 0 }, { node: 2, size: 1GiB, distances: { 0: 17, 1: 28 } } ] }\n" + RAW,
    "NUMA over regions": "memory: { regions: [ { gpa: 0, size: 2MiB, name: low }, { gpa: 0x200000, size: 384KiB, kind: reserved }, "
                         "{ gpa: 0x400000, size: 62MiB } ], numa: [ { node: 0, cpus: 0, size: 32MiB }, { node: 1, size: 32MiB } ] }\n" + RAW,
    "most vCPUs": "vcpus: { topology: { sockets: 4, dies: 3, cores: 113, threads: 6 } }\n" + MEMORY + RAW,
    "xAPIC": "vcpus: { count: 2, apic: { mode: xapic } }\n" + MEMORY + RAW,
    "devices": MEMORY + RAW + "\ndevices: { serial: [ { id: com1 }, { id: com2, io: 0x2f8, irq: 3, backend: none } ], debug-exit: {} }",
    "panic and watchdog": MEMORY + RAW + "\ndevices: { panic: { io: 0x510 }, watchdog: { timeout: 2500ms, action: crash } }",
    "virtio": MEMORY + RAW + "\ndevices: { virtio: [ { id: r, type: rng }, { id: c, type: console }, { id: d, type: blk, backend: { image: disk.img } }, "
              "{ id: e, type: blk, readonly: true, backend: { image: disk.img } }, { id: s, type: rng, guest: '00:01.0', vectors: 7 } ] }",
    "ACPI names": MEMORY + RAW + "\nacpi: { oem-id: ACME, oem-table-id: TABLE, oem-revision: 7 }",
    "events": MEMORY + RAW + "\nevents: { on-poweroff: preserve, on-reboot: { action: restart, max-restarts: 3, within: 90s, then: preserve, dump: true } }",
    "by weight": "vcpus: { count: 3 }\nscheduling: { scheduler: fair, weight: 100 }\n" + MEMORY + RAW,
    "by weight, with a cap": "vcpus: { count: 2, pin: { 0: 3, 1: 3 } }\nscheduling: { scheduler: fair, cap: 30 }\n" + MEMORY + RAW,
    "by budgets": "vcpus: { count: 3 }\nscheduling: { scheduler: edf, period: 10ms, budget: 4ms, priority: 7 }\n" + MEMORY + RAW,
    "no pv, one timer": MEMORY + RAW + "\npv: none\ntimers: [hpet]",
    "no pv": "vcpus: { apic: { mode: xapic } }\n" + MEMORY + RAW + "\npv: none",
}
MODELS = ["none", "host", "x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4", "Haswell", "Skylake-Server", "EPYC",
          "EPYC-Rome", "EPYC-Milan", "486", "qemu64", "Icelake-Server-v6", "Opteron_G5"]
POLICIES = [
    "base x86-64-v3 without movbe; require aes, pclmulqdq; optional avx512*, sha-ni, rdseed; disable 3dnow*;"
    " force x2apic, tsc-deadline, hypervisor; leaf 0xb.* = auto; leaf 0x80000008 { eax[23:16] = 0; }",
    "disable avx512*; disable sse4a;", "leaf 0x16.0..2 = 0;", "base x86-64-v2; optional aes, pclmulqdq, avx2;",
    "base x86-64-v3; require aes; require avx;", "require sse4a;", "forbid rtm; forbid hle;", "disable xsave;",
    "leaf 0x80000008 { eax[7:0] = 40; }", "leaf 0x15 { eax = 1; ebx = 2; ecx = 0; }", "leaf 0x16.0..2 { eax = 0xffff_0000; }",
    "leaf 0x10 = 0;", "leaf 4.1 { ebx = host; }", "leaf 1 { eax = 0x000306a9; }", "base EPYC; leaf 0x80000002 { eax = 0x20202020; }",
    "base x86-64-v2; leaf 7.0 { ebx[8] = host; }", "disable hypervisor;", "base none; optional fpu, tsc, msr; leaf 0x18 { ecx = 0b1_x01k; }",
    "limit basic = 7;", "limit basic = 0x24, extended = 0x80000008;", "when vendor = amd { limit extended = 0x80000001; }",
    "identity { phys-bits = 44; }",
    "identity { family = 25; stepping = 4; brand = \"A CPU\"; }", "base EPYC; identity { model = 3; }", "base Haswell; identity { brand = host; }",
    "base EPYC; identity { family = host; stepping = 7; }", "when vendor = amd { identity { family = 6; } } else { identity { model = 5; } }",
    "when vendor = amd { base EPYC; } else { base Haswell; }", "when vendor = amd { disable abm, erms; force fsrm; } else { require abm; forbid erms; }",
    "when host avx2 { disable aes, vaes, vpclmulqdq; } else { disable bmi1; force erms; }", "base none; when host.aes { optional avx2; }",
    "when host avx2 { disable avx; } when vcpu = 1..2 { disable bmi2; }", "when vcpu in [0, 3] { disable abm; } when vcpu % 2 = 1 { force fsrm; }",
    "when vcpu = 1 { leaf 0x17 { eax[3:0] = 8; ebx = host; } } leaf 0x17 { eax = 3; }", "assert avx2 or not host.aes; assert vcpu < 4;",
    "when host sse4a or vendor = intel { require aes; } when not host bmi1 { forbid bmi2; assert fma and not host.3dnow; }",
    "when host sha-ni and host aes and vcpu > 1 { disable abm; leaf 0x15 { ecx = 7; } } else { disable popcnt; }",
]


def random_policy(rng):
    """A policy of some statements that may go together, or not."""
    names = ["aes", "avx", "avx2", "bmi1", "bmi2", "abm", "erms", "fsrm", "sse4a", "sha-ni", "pcid", "rdseed", "xsavec", "popcnt", "movbe"]

    def condition():
        one = rng.choice(["host.{}", "not host {}", "vcpu = {n}", "vcpu > {n}", "vcpu in {n}..3", "vendor = amd", "vendor != amd"])
        return one.format(rng.choice(names), n=rng.randrange(4))

    def statements(depth):
        text = ""
        for _ in range(rng.randrange(1, 4)):
            kind = rng.randrange(8)
            if kind < 4:
                verb = rng.choice(["disable", "optional", "disable", "require", "forbid"])
                text += f"{verb} {rng.choice(names)}; "
            elif kind < 5:
                text += f"leaf {rng.choice(['0x15', '0x17.1', '0x80000008'])} {{ ecx[{rng.randrange(16, 32)}] = {rng.choice(['1', '0', 'host'])}; }} "
            elif kind < 6 or depth == 2:
                text += f"assert {rng.choice(names)} {rng.choice(['or', '!=', '=='])} host.{rng.choice(names)}; " if not depth else "force erms; "
            else:
                joined = condition() + rng.choice(["", "", " and " + condition(), " or " + condition()])
                text += f"when {joined} {{ {statements(depth + 1)}}} " + rng.choice(["", f"else {{ {statements(depth + 1)}}} "])
        return text
    body = statements(0)
    # What one vCPU alone has brings along what it needs: not over nothing.
    return rng.choice(["", "base x86-64-v3; ", "base EPYC; "] + ["base none; "] * ("vcpu" not in body)) + body


MSRS = [
    "{ unlisted: read-zero-write-ignore }", "{ unlisted: log, rules: [ { msr: 0xce, read: emulate, write: inject-gp, value: 0x80000000 } ] }",
    "{ rules: [ { msr: IA32_MISC_ENABLE, access: emulate, value: 0bxxxx_xxx1, reset: 0x1801 }, { msr: 0x300-0x307, access: read-zero-write-ignore } ] }",
    "{ rules: [ { msr: 0x3b0, access: emulate, reset: 7 }, { msr: HWCR, access: inject-gp } ] }",
]
number = 0


def ok(good, what, detail=""):
    global number
    number += 1
    print(("ok" if good else "not ok") + f" {number} - {what}")
    if not good:
        print("# " + detail.replace("\n", "\n# "))


def make_files():
    os.mkdir("sub")
    code = bytes((i * 13) & 0xff for i in range(5000))
    vmlinux = kernels.elf([(0x1000000, code, 8192), (0x1200000, b"data" * 100, 4096), (0x1300000, b"", 4096)], 0x1000000,
                          note=0x1000040)
    header2 = kernels.multiboot2()
    address2 = kernels.multiboot2(struct.pack("<HHIIIII", 2, 0, 24, 0x200000, 0x200000, 0, 0x210000) +
                                  struct.pack("<HHII", 3, 0, 12, 0x200040) + bytes(4))
    whole = bytearray(kernels.elf([(0x100000, b"", 0)], 0x100090, bits=32)[:4096])
    whole[0x80:0x8c] = kernels.multiboot1()
    struct.pack_into("<IIIIIIII", whole, 52, 1, 0, 0x100000, 0x100000, 4096, 8192, 7, 4096)
    files = {
        "raw.bin": code, "disk.img": bytes(4096), "sub/initrd": b"070701" + bytes(2000), "bz": kernels.bzimage(vmlinux), "vmlinux": vmlinux,
        "mb1.elf": kernels.elf([(0x100000, kernels.multiboot1(3) + code, 9000), (0x110000, b"x" * 10, 10)], 0x100010, bits=32),
        "mb1.bin": kernels.multiboot1(0x10000, 0x100000, 0x100000, 0, 0x104000, 0x100020) + code,
        "mb2.elf": kernels.elf([(0x100000, header2 + code, 9000)], 0x100020, bits=32),
        "mb2.bin": address2 + code, "whole.elf": bytes(whole) + b"symbols",
    }
    files["bz32"] = bytearray(files["bz"])
    files["bz32"][0x236] = 0  # xloadflags: no 64-bit entry
    for name, data in files.items():
        with open(name, "wb") as file:
            file.write(data)


def plain(blob):
    """The records as hvcc inspect has them, without positions and folders."""
    root = json.loads(subprocess.run([hvcc, "inspect", "--json", blob], capture_output=True, check=True).stdout)
    del root["header"]
    for section, records in root.items():
        for record in records if isinstance(records, list) else [records]:
            record.pop("position", None)
            if section in ("payloads", "loads"):
                record["name"] = os.path.basename(record["name"])
            if section == "payloads":
                del record["offset"]
    return root


def round_trip(what, path):
    build = subprocess.run([hvcc, "build", path, "--format", "blob", "-o", "first"], capture_output=True, text=True)
    if build.returncode:
        ok(False, f"{what}: builds", build.stderr)
        return
    with tempfile.TemporaryDirectory(dir=".") as folder:
        run = subprocess.run([hvcc, "decompile", "first", "-o", folder], capture_output=True, text=True)
        again = subprocess.run([hvcc, "build", f"{folder}/system.yaml", "--format", "blob", "-o", "second"],
                               capture_output=True, text=True)
        guest = open(glob.glob(f"{folder}/*.guest.yaml")[0]).read()
    good = run.returncode == 0 and again.returncode == 0 and plain("first") == plain("second")
    same_bytes = good and Blob("first").data[Blob("first").sections["bytes"][0]:][:Blob("first").count("bytes")] == \
        Blob("second").data[Blob("second").sections["bytes"][0]:][:Blob("second").count("bytes")]
    ok(good and same_bytes, f"{what}: comes back", run.stderr + again.stderr + guest)


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        make_files()
        for what, text in GUESTS.items():
            with open("guest.yaml", "w") as file:
                file.write(HEAD + text + "\n")
            round_trip(what, "guest.yaml")
        for model in MODELS:
            with open("guest.yaml", "w") as file:
                file.write(f"{HEAD}{MEMORY}{RAW}\ncpu: {{ model: {model} }}\n")
            round_trip(f"model {model}", "guest.yaml")
        for policy in POLICIES:
            with open("guest.yaml", "w") as file:
                file.write(f"{HEAD}{'vcpus: { count: 4 }' if 'vcpu' in policy else ''}\n{MEMORY}{RAW}\ncpu:\n  cpuid: |\n    {policy}\n")
            round_trip(f"policy {policy}", "guest.yaml")
        rng, tried = random.Random(int(os.environ.get("SEED", "11"))), 0
        while tried < int(os.environ.get("RANDOM_POLICIES", "12")):
            policy = random_policy(rng)
            with open("guest.yaml", "w") as file:
                file.write(f"{HEAD}vcpus: {{ count: 4 }}\n{MEMORY}{RAW}\ncpu:\n  cpuid: |\n    {policy}\n")
            if subprocess.run([hvcc, "check", "guest.yaml"], capture_output=True).returncode == 0:
                tried += 1
                round_trip(f"random policy {policy}", "guest.yaml")
        for msr in MSRS:
            with open("guest.yaml", "w") as file:
                file.write(f"{HEAD}{MEMORY}{RAW}\ncpu:\n  msr: {msr}\n")
            round_trip(f"MSRs {msr}", "guest.yaml")
        with open("two.yaml", "w") as file:
            file.write("schema: hvcc/system/v1\nname: pair\nconsole: { io: 0x2f8, log-level: debug }\nmitigations: false\nscrub: false\n"
                       "poweroff-when-idle: false\ndebug-exit: 0x501\nguests:\n")
            for name, boot in (("a", GUESTS["bzImage"]), ("b", GUESTS["bzImage, unpacked"]), ("c", GUESTS["raw, long mode"])):
                file.write(f"  - name: {name}\n" + "".join(f"    {line}\n" for line in boot.split("\n")))
        round_trip("a system of three", "two.yaml")
        node = "topology: { sockets: 2, cores: 1 } }\n    memory: { numa: [ { node: 0, cpus: '0', size: 32MiB }, { node: 1, cpus: '1', size: 48MiB } ] }"
        for name, memory, bind in [
                ("its RAM in two ranges", "memory: { size: 64MiB }", "memory: [ { host: 0x8000000, size: 32MiB }, { host: 0x4000000, size: 32MiB } ]"),
                ("a node", "memory: { size: 64MiB }", "node: 3"), ("a node for nodes", "vcpus: { " + node, "node: 0"),
                ("ranges across nodes", "vcpus: { " + node, "node: 1, memory: [ { host: 0x8000000, size: 40MiB }, { host: 0x4000000, size: 40MiB } ]"),
                ("ranges across the hole", "memory: { size: 4GiB }", "memory: [ { host: 0x100000000, size: 1GiB }, { host: 0x180000000, size: 3GiB } ]"),
                ("ranges across regions", "memory: { regions: [ { gpa: 0, size: 32MiB, name: low }, { gpa: 0x2000000, size: 1MiB, kind: reserved }, "
                 "{ gpa: 0x2100000, size: 31MiB, name: high } ] }", "memory: [ { host: 0x8000000, size: 16MiB }, { host: 0x4000000, size: 47MiB } ]")]:
            with open("bound.yaml", "w") as file:
                file.write(f"schema: hvcc/system/v1\nname: s\nguests:\n  - name: g\n    {memory}\n    {RAW}\nbind: {{ g: {{ {bind} }} }}\n")
            round_trip("bound to " + name, "bound.yaml")
        with open("two.yaml", "w") as file:
            file.write("schema: hvcc/system/v1\nname: pair\nguests:\n")
            for name, access in (("a", "read-write"), ("b", "read-only")):
                file.write(f"  - name: {name}\n    memory: {{ size: 4GiB }}\n    {RAW}\n    devices: {{ shmem: [ {{ id: w, region: board, model: window, "
                           f"gpa: 0x1000000000, access: {access} }}, {{ id: x, region: ring, model: window, gpa: 0xa00000000 }}, "
                           f"{{ id: y, region: bell, model: ivshmem-doorbell, vectors: 5 }}, {{ id: z, region: big }} ] }}\n")
            file.write("shmem-regions: [ { name: board, size: 3MiB, members: { a: read-write, b: read-only } }, "
                       "{ name: ring, size: 64KiB, members: { a: read-write, b: read-write } }, "
                       "{ name: bell, size: 8KiB, members: { a: read-write, b: read-write } }, "
                       "{ name: big, size: 1GiB, members: { a: read-write, b: read-write } } ]\n")
        round_trip("shared memory", "two.yaml")
        with open("tables.yaml", "w") as file:
            file.write("schema: hvcc/system/v1\nname: s\nscheduling:\n  tables:\n    - cpu: 2\n      major-frame: 10ms\n      slots:\n"
                       "        - { start: 6ms, length: 4ms, guest: b }\n        - { start: 1ms, length: 3ms, guest: a, vcpu: 1 }\n"
                       "        - { start: 4ms, length: 1ms, guest: a }\nguests:\n")
            for name, keys in (("a", "vcpus: { count: 2 }\n    scheduling: { scheduler: table }"), ("b", "scheduling: { scheduler: table }"),
                               ("c", "scheduling: { scheduler: edf, period: 10ms, budget: 3ms }"),
                               ("d", "scheduling: { scheduler: edf, period: 15ms, budget: 8ms }"), ("e", "vcpus: { pin: { 0: 5 } }")):
                file.write(f"  - name: {name}\n    {MEMORY}    {RAW}\n    {keys}\n")
        round_trip("tables, budgets and a CPU of its own", "tables.yaml")
        with open("guest.yaml", "w") as file:
            file.write(f"{HEAD}{RAW}\nmemory:\n  size: 64MiB\n  spp:\n    - {{ name: a, gpa: 0x1000000, pages: 3, protected: [1, 30] }}\n"
                       "    - { name: b, gpa: 0x1003000, writable: 0xff, action: inject, inject: gp }\n"
                       "    - { name: c, gpa: 0x1004000, action: stop }\n    - { name: d, gpa: 0x1006000, action: inject }\n"
                       "    - { name: own, lockable: 12, action: stop }\n")
        round_trip("protected sub-pages", "guest.yaml")
        with open("two.yaml", "w") as file:
            file.write("schema: hvcc/system/v1\nname: pair\nguests:\n")
            for name, more in (("a", "\nmemory: { size: 64MiB, spp: [ { name: s, gpa: 0x1000000, action: notify, observer: c } ] }"),
                               ("b", "\nmemory: { size: 64MiB }"), ("c", "\nmemory: { size: 64MiB }")):
                file.write(f"  - name: {name}\n" + "".join(f"    {line}\n" for line in (RAW + more).split("\n")))
        round_trip("an observer", "two.yaml")
        round_trip("the example hello", f"{top}/examples/hello/guest.yaml")
        for example in sorted(glob.glob(f"{top}/examples/*/*.yaml")):
            with open(example) as file:
                text = file.read()
            if "kernel: ../../build/run" not in text:
                continue
            with open("guest.yaml", "w") as file:
                file.write(text.replace("../../build/run/vmlinuz", "bz").replace("../../build/run/initrd", "sub/initrd"))
            round_trip("the example " + os.path.basename(os.path.dirname(example)), "guest.yaml")
        # What the language cannot say is said.
        blob = Blob("first")
        blob.put("msrs", blob.find("msrs", 0, 0xc0010015), 24, 0x77, "<Q")
        blob.write("patched")
        run = subprocess.run([hvcc, "decompile", "patched", "-o", "patched.d"], capture_output=True, text=True)
        ok(run.returncode == 1 and "does not come back: msrs[" in run.stderr, "an MSR that no policy gives is reported", run.stderr)
        run = subprocess.run([hvcc, "decompile", "patched"], capture_output=True, text=True)
        ok(run.returncode == 2, "without -o it is a usage error")
        run = subprocess.run([hvcc, "decompile", "first", "-o", "/proc/nowhere"], capture_output=True, text=True)
        ok(run.returncode == 3, "a folder that cannot be written", run.stderr)
        print(f"1..{number}")


main()
