#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots Debian's kernels, unmodified, and compares what they report with the guest's file.

    tests/boot/linux.py [--bare] [--full] [--jobs N] [--only WORD]...

A row is kernel x shape (sockets x cores x threads) x NUMA nodes x APIC mode x pv x start x emulator: a pairwise selection on QEMU and a few on
Bochs, whose processors are slow and have VT-x; with --full all of them. The guest's init reports and powers off. Each run is a line of TAP; it passes when the report is whole, says
what the file says, the kernel has no complaint, and the machine powered off. What ran on Bochs's VT-x then runs on QEMU's AMD-V, from the same file.
"""

import argparse
import concurrent.futures
import hashlib
import os
import subprocess
import sys

import guests
import machine
import matrix
import report as reports

DIMENSIONS = {
    "kernel": ["6.1-cloud", "6.1", "6.12-cloud", "6.12"],
    "shape": ["1x1x1", "1x1x2", "2x1x1", "1x2x2", "2x2x1", "1x3x1"],
    "nodes": ["flat", "numa"],
    "apic": ["x2apic", "xapic"],
    "pv": ["kvm", "none"],
    "start": ["bzimage", "unpack", "pvh"],
    "emulator": ["qemu-7", "qemu-10"],
}
VTX = ["bochs-icelake", "bochs-sapphire"]
ON_VTX = [dict(zip(DIMENSIONS, values)) for values in (
    ("6.1-cloud", "1x1x1", "flat", "xapic", "none", "unpack", "bochs-icelake"),
    ("6.12-cloud", "1x1x2", "flat", "x2apic", "kvm", "bzimage", "bochs-sapphire"),
)]
MEMORY = 256  # MiB of the guest
LIMIT = int(os.environ.get("LIMIT", "240"))  # seconds: a safety net
BOOT = {
    "bzimage": {"protocol": "linux"},
    "unpack": {"protocol": "linux", "unpack": True},
    "pvh": {"protocol": "pvh", "unpack": True},
}


def allowed(row):
    """Linux wants interrupt remapping for x2APIC where it sees no hypervisor it knows. A node has whole sockets here."""
    return not (row["apic"] == "x2apic" and row["pv"] == "none") and not (row["nodes"] == "numa" and shape_of(row)[0] == 1)


def vmlinuz(kernel):
    return os.path.join(machine.FETCH, "kernel-" + kernel, "vmlinuz")


def initrd():
    """The initramfs, made once; its mode comes from the command line."""
    path = os.path.join(machine.BUILD, "boot", "initrd.cpio")
    subprocess.run([os.path.join(machine.TOP, "tests/boot/initramfs/make.sh"), "shell", path], check=True)
    return path


def shape_of(row):
    return tuple(int(part) for part in row["shape"].split("x"))


def nodes_of(row):
    """A node a socket, of unequal sizes, 21 apart; or all in one."""
    sockets, cores, threads = shape_of(row)
    if row["nodes"] == "flat":
        return [{"node": 0, "cpus": "0-%d" % (sockets * cores * threads - 1), "size": "%dMiB" % MEMORY, "distances": {0: 10}}]
    size = cores * threads
    return [{"node": n, "cpus": "%d-%d" % (n * size, n * size + size - 1), "size": "%dMiB" % (MEMORY * (3 - 2 * n) // 4),
             "distances": {m: 10 if m == n else 21 for m in range(sockets)}} for n in range(sockets)]


def document(row, mode="report"):
    sockets, cores, threads = shape_of(row)
    memory = {"size": "%dMiB" % MEMORY, **({"numa": nodes_of(row)} if row["nodes"] == "numa" else {})}
    return {
        "schema": "hvcc/guest/v1",
        "name": "linux",
        "vcpus": {"count": sockets * cores * threads, "apic": {"mode": row["apic"]},
                  "topology": {"sockets": sockets, "dies": 1, "cores": cores, "threads": threads}},
        "memory": memory,
        "boot": {"kernel": vmlinuz(row["kernel"]), "initrd": os.path.join(machine.BUILD, "boot/initrd.cpio"),
                 "cmdline": "console=ttyS0 panic=-1 hvcc.%s" % mode, **BOOT[row["start"]]},
        "devices": {"serial": [{"id": "com1", "io": 0x3F8, "irq": 4}]},
        "pv": row["pv"] if row["pv"] == "none" else [row["pv"]],
    }


def folder_of(row, bare):
    directory = os.path.join(machine.BUILD, "boot", "-".join(["bare" if bare else "hv", "linux", *row.values()]))
    os.makedirs(directory, exist_ok=True)
    return directory


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def run_on_both(row):
    """Runs a row in Bochs, on VT-x, and then the very file in QEMU, on AMD-V: the two consoles, and the file's hash before each."""
    directory = folder_of(row, False)
    image, iso = os.path.join(directory, "image.elf"), os.path.join(directory, "image.iso")
    machine.hvcc_build(guests.write_system(directory, [document(row)]), image)
    machine.grub_iso(iso, image, "multiboot2")
    sockets, cores, threads = shape_of(row)
    cpus, hashes = sockets * cores * threads, [sha256(iso)]
    text = machine.run_bochs(iso, os.path.join(directory, "console.log"), cpus=cpus, memory=MEMORY + 256,
                             cpu=machine.BOCHS[row["emulator"]], limit=3 * LIMIT)
    hashes.append(sha256(iso))
    amd = machine.Machine(machine.qemu_command("qemu-10", iso, cpus=cpus, memory=MEMORY + 256), LIMIT,
                          os.path.join(directory, "amd.log"))
    amd.finish()
    return [text, amd.text], hashes


def start(row, bare=False, mode="report"):
    """The machine of a row, running in QEMU."""
    sockets, cores, threads = shape_of(row)
    directory = folder_of(row, bare)
    log = os.path.join(directory, "console.log")
    if bare:
        smp = "%d,sockets=%d,cores=%d,threads=%d" % (sockets * cores * threads, sockets, cores, threads)
        command = machine.qemu_command(row["emulator"], vmlinuz(row["kernel"]), cpus=smp, memory=MEMORY, cpu="EPYC-Milan",
                                       append="console=ttyS0 panic=-1 hvcc." + mode,
                                       initrd=os.path.join(machine.BUILD, "boot/initrd.cpio"))
    else:
        image = os.path.join(directory, "image.elf")
        machine.hvcc_build(guests.write_system(directory, [document(row, mode)]), image)
        command = machine.qemu_command(row["emulator"], image, cpus=sockets * cores * threads, memory=MEMORY + 256)
    return machine.Machine(command, LIMIT, log)


def compare(row, report):
    """What is wrong with a report."""
    problems = reports.check_topology(report, shape_of(row)) + reports.check_caches(report, shape_of(row))
    problems += reports.check_nodes(report, nodes_of(row))
    with open(os.path.join(os.path.dirname(vmlinuz(row["kernel"])), "release"), encoding="utf-8") as file:
        release = file.read().strip()
    if report.one("kernel") != release:
        problems.append("kernel %s, want %s" % (report.one("kernel"), release))
    if int(report.one("memory-kib") or 0) < MEMORY * 1024 * 3 // 4:
        problems.append("memory: %s KiB of %d MiB" % (report.one("memory-kib"), MEMORY))
    tables = set(report.one("acpi").split())
    wanted = {"APIC", "DSDT", "FACP", "FACS", "MCFG", "WAET"} | ({"HPET"} if row["pv"] == "none" else set())
    wanted |= {"SRAT", "SLIT"} if row["nodes"] == "numa" else set()
    if not wanted <= tables:
        problems.append("ACPI tables missing: %s" % " ".join(sorted(wanted - tables)))
    if row["pv"] == "kvm" and (report.one("hypervisor") != "KVM" or report.one("clocksource") not in ("kvm-clock", "tsc")):
        problems.append("pv: hypervisor `%s`, clock `%s`" % (report.one("hypervisor"), report.one("clocksource")))
    if row["pv"] == "none" and report.one("hypervisor") == "KVM":
        problems.append("pv: none, but the kernel found KVM")
    if (report.one("x2apic") == "on") != (row["apic"] == "x2apic"):
        problems.append("x2APIC is %s" % report.one("x2apic"))
    return problems + reports.kernel_messages(report)


def judge(row, text, powered_off, bare):
    """What is wrong with a console; and how long the guest was up."""
    report = reports.last_report(text)
    if not report:
        return ["no report; last line: " + ([line for line in text.split("\n") if line.strip()] or ["(none)"])[-1]], "-"
    problems = compare(row, report) if not bare else []
    if not powered_off:
        problems.append("the machine did not power off")
    return problems, report.one("uptime")


def one_on_both(row):
    title = "linux %s" % matrix.name(row)
    try:
        texts, hashes = run_on_both(row)
    except machine.Failure as failure:
        return False, title, str(failure)
    problems, ups = [], []
    for vendor, text in zip(("VT-x", "AMD-V"), texts):
        found, up = judge(row, text, "hvcore: the last guest has stopped" in text, False)
        if "hvcore: %s: " % vendor not in text:
            found.append("hvcore does not say that it uses it")
        problems += ["%s: %s" % (vendor, problem) for problem in found]
        ups.append("%s %s s" % (vendor, up))
    if hashes[0] != hashes[1]:
        problems.append("not the same file: %s on VT-x, %s on AMD-V" % tuple(hashes))
    return not problems, "%s: one image on both, VT-x %.12s AMD-V %.12s: up %s" % (title, *hashes, ", ".join(ups)), "\n".join(problems)


def one(row, bare):
    if row["emulator"] in machine.BOCHS:
        return one_on_both(row)
    title = "linux%s %s" % (" (bare)" if bare else "", matrix.name(row))
    try:
        vm = start(row, bare)
        vm.finish()
    except machine.Failure as failure:
        return False, title, str(failure)
    problems, up = judge(row, vm.text, vm.powered_off(), bare)
    return not problems, "%s: up %s s" % (title, up), "\n".join(problems)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bare", action="store_true", help="without the hypervisor, and only the harness's own checks")
    parser.add_argument("--full", action="store_true", help="every configuration")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], help="rows with this value")
    arguments = parser.parse_args()
    machine.fetch("busybox", "qemu-10", "bochs-3", *("kernel-" + kernel for kernel in DIMENSIONS["kernel"]))
    initrd()
    if arguments.full:
        rows = matrix.product(dict(DIMENSIONS, emulator=DIMENSIONS["emulator"] + VTX), allowed)
    else:
        rows = matrix.pairwise(DIMENSIONS, allowed) + ON_VTX
    if arguments.bare:
        rows = [row for row in rows if row["emulator"] not in machine.BOCHS]
    rows = [row for row in rows if all(word in row.values() for word in arguments.only)]
    tap = machine.Tap()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(lambda row: one(row, arguments.bare), rows):
            tap.line(*result)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
