#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the bare-metal guests of tests/guest in the hypervisor, or without it.

    tests/boot/guests.py [--bare] [--full] [--jobs N] [GUEST...]

Each guest runs in the configurations of its row below: a pairwise selection, or with --full all of them. One line of TAP for
each run; it passes when the guest's own lines all do, their plan is kept, and the machine ends as the guest asked.
"""

import argparse
import concurrent.futures
import os
import re
import sys

import yaml

import machine
import matrix

QEMUS = ["qemu-7", "qemu-10"]
ALL = QEMUS + ["bochs", "bochs-icelake"]
OTHER = QEMUS + ["bochs", "bochs-sapphire"]
CPUS = ALL + ["bochs-sapphire"]  # guests that look at the processor
# With --full: where a guest cannot be run. QEMU 7.2 fails `flags` on the bare machine, `clock` needs icount, and `rtc` waits for seconds,
# which are long on Bochs.
NOT_ON = {"flags": ["qemu-7"], "clock": CPUS[1:], "rtc": CPUS[2:]}

# guest -> the values it is run with. Emulators: Bochs is the strict one, so it has what is about instructions and MSRs. With --full
# all run on all (`emulators()`); the two models of VT-x otherwise share those that are not about the processor.
GUESTS = {
    "boot": dict(emulator=CPUS, cpus=[1, 2, 4], apic=["x2apic", "xapic"], pv=["kvm", "none"]),
    "clock": dict(emulator=["qemu-7"], cpus=[1], apic=["x2apic", "xapic"], pv=["kvm"]),
    "cpuid": dict(emulator=CPUS, cpus=[1, 4], apic=["x2apic"], pv=["kvm", "none"]),
    "exceptions": dict(emulator=CPUS, cpus=[1], apic=["x2apic", "xapic"], pv=["kvm"]),
    "flags": dict(emulator=["qemu-10", "bochs", "bochs-icelake"], cpus=[1], apic=["x2apic"], pv=["kvm"]),
    "halt": dict(emulator=ALL, cpus=[1, 2], apic=["x2apic", "xapic"], pv=["kvm"]),
    "hpet": dict(emulator=QEMUS, cpus=[1], apic=["xapic"], pv=["none"]),
    "instructions": dict(emulator=["qemu-7", "bochs", "bochs-icelake"], cpus=[1], apic=["x2apic"], pv=["kvm"], features=["all", "fewer"]),
    "ioapic": dict(emulator=OTHER, cpus=[1], apic=["x2apic", "xapic"], pv=["kvm", "none"]),
    "kvm": dict(emulator=QEMUS, cpus=[1, 2], apic=["x2apic"], pv=["kvm", "none"]),
    "lapic": dict(emulator=ALL, cpus=[1], apic=["x2apic", "xapic"], pv=["kvm"]),
    "lock": dict(emulator=ALL + ["bochs-sandy"], cpus=[1, 2], apic=["x2apic", "xapic"], pv=["kvm"]),
    "mmio": dict(emulator=OTHER, cpus=[1], apic=["xapic"], pv=["kvm"]),
    "modes": dict(emulator=OTHER, cpus=[1], apic=["xapic"], pv=["kvm"]),
    "msr": dict(emulator=CPUS, cpus=[1], apic=["x2apic"], pv=["kvm", "none"]),
    "pci": dict(emulator=QEMUS, cpus=[1], apic=["x2apic"], pv=["kvm"]),
    "pic": dict(emulator=QEMUS, cpus=[1], apic=["xapic"], pv=["none"]),
    "power": dict(emulator=QEMUS, cpus=[1], apic=["x2apic"], pv=["kvm"]),
    "rtc": dict(emulator=QEMUS, cpus=[1], apic=["xapic"], pv=["kvm"]),
    "smp": dict(emulator=ALL, cpus=[2, 4], apic=["x2apic", "xapic"], pv=["kvm", "none"]),
    "spp": dict(emulator=CPUS + ["bochs-sandy"], cpus=[1], apic=["x2apic"], pv=["kvm"]),
    "uart": dict(emulator=OTHER, cpus=[1], apic=["x2apic"], pv=["kvm"]),
    "xsave": dict(emulator=CPUS, cpus=[1, 2], apic=["x2apic"], pv=["kvm"]),
}
# These compare times with times: on one CPU instructions are time, whatever else the computer does. (QEMU 10 ends with "Bad icount
# read" there.)
COUNTED = ("lapic", "pic", "hpet", "clock")
LIMIT = int(os.environ.get("LIMIT", "120"))  # seconds: a safety net


def emulators(guest):
    """Those of its row, which may know more of them, and all others but where it cannot be."""
    return list(dict.fromkeys(CPUS + GUESTS[guest]["emulator"])) if guest not in NOT_ON else [e for e in CPUS if e not in NOT_ON[guest]]


def kernel(guest):
    return os.path.join(machine.BUILD, "guest", guest + ".elf")


def words(row):
    """What a guest is told on its command line: QEMU's processor does not check all that it should; Bochs's lets no interrupt end
    a guest's run while the guest has interrupts off, and its SPP looks at the first of the sub-pages that a write touches."""
    names = {"bochs": "deaf", "bochs-icelake": "lenient marks first-part", "bochs-sapphire": "lenient marks first-part",
             "bochs-sandy": "lenient marks"}
    return "cpus=%d %s %s" % (row["cpus"], names.get(row.get("emulator"), "lenient"), row.get("features", ""))


def document(guest, row, cmdline=""):
    """The guest's own file with this row's values."""
    with open(os.path.join(machine.TOP, "tests/guest", guest, "guest.yaml"), encoding="utf-8") as file:
        tree = yaml.safe_load(file)
    tree["vcpus"] = {"count": row["cpus"], "apic": {"mode": row["apic"]}}
    tree["boot"] = {"kernel": kernel(guest), "cmdline": " ".join([words(row), cmdline]).strip()}
    if row.get("features") == "fewer":
        tree["cpu"] = {"cpuid": "disable rdtscp; disable rdpid; disable rdrand; disable rdseed; disable invpcid; disable xsaves;"}
    tree["pv"] = row["pv"] if row["pv"] == "none" else [row["pv"]]
    return tree


def write_system(directory, guests, **options):
    """A system file with these guest documents, beside them; its path."""
    os.makedirs(directory, exist_ok=True)
    files = []
    for tree in guests:
        files.append(tree["name"] + ".yaml")
        with open(os.path.join(directory, files[-1]), "w", encoding="utf-8") as file:
            yaml.safe_dump(tree, file, sort_keys=False)
    path = os.path.join(directory, "system.yaml")
    system = {"schema": "hvcc/system/v1", "name": "test", "guests": files, "debug-exit": 0xF4, **options}
    with open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(system, file, sort_keys=False)
    return path


def start(emulator, image, cpus, directory, append=None, limit=LIMIT, icount=False, memory=512):
    command = machine.qemu_command(emulator, image, cpus=cpus, append=append, icount=icount, memory=memory)
    return machine.Machine(command, limit, os.path.join(directory, "console.log"))


def run(guest, row, bare):
    """Runs one configuration; the console's text and the exit status (None: the emulator gives none)."""
    directory = os.path.join(machine.BUILD, "boot", "-".join(["bare" if bare else "hv", guest, *map(str, row.values())]))
    os.makedirs(directory, exist_ok=True)
    image, arguments, protocol = os.path.join(directory, "image.elf"), "", "multiboot2"
    if bare:
        image, arguments, protocol = kernel(guest), "bare " + words(row), "multiboot"
    else:
        machine.hvcc_build(write_system(directory, [document(guest, row)]), image)
    if row["emulator"] in machine.BOCHS:
        iso = os.path.join(directory, "image.iso")
        machine.grub_iso(iso, image, protocol, arguments)
        return machine.run_bochs(iso, os.path.join(directory, "console.log"), cpus=row["cpus"], cpu=machine.BOCHS[row["emulator"]],
                                 limit=LIMIT), None
    vm = start(row["emulator"], image, row["cpus"], directory, arguments or None, icount=guest in COUNTED and row["emulator"] == "qemu-7")
    status = vm.finish()
    return vm.text, status


def judge(text, status):
    """What is wrong with a guest's lines, or nothing; and a summary."""
    good = len(re.findall(r"^ok \d", text, re.M))
    bad = re.findall(r"^not ok.*", text, re.M)
    plan = re.search(r"^1\.\.(\d+)", text, re.M)
    skipped = len(re.findall(r"^ok .* # SKIP", text, re.M))
    problems = list(bad)
    if not plan:
        problems.append("the guest did not end; last line: " + ([line for line in text.split("\n") if line.strip()] or ["(none)"])[-1])
    elif int(plan.group(1)) != good + len(bad):
        problems.append("%s checks planned, %d seen" % (plan.group(1), good + len(bad)))
    elif not bad and not re.search(r"^guest: passed", text, re.M):
        problems.append("the guest does not say that it passed")
    elif not bad and status not in (None, 33):
        problems.append("exit status %s instead of 33" % status)
    return problems, "%d checks, %d skipped" % (good + len(bad), skipped)


def one(guest, row, bare):
    title = "guest %s%s: %s" % (guest, " (bare)" if bare else "", matrix.name(row))
    try:
        problems, summary = judge(*run(guest, row, bare))
    except machine.Failure as failure:
        problems, summary = [str(failure)], "failed"
    return not problems, "%s: %s" % (title, summary), "\n".join(problems)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bare", action="store_true", help="without the hypervisor")
    parser.add_argument("--full", action="store_true", help="every configuration")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--emulator", help="only on this one")
    parser.add_argument("guests", nargs="*")
    arguments = parser.parse_args()
    machine.fetch("qemu-10", "bochs-3")
    rows = []
    for guest in arguments.guests or GUESTS:
        if arguments.full:
            rows += [(guest, row) for row in matrix.product(dict(GUESTS[guest], emulator=emulators(guest)))]
        else:
            rows += [(guest, row) for row in matrix.pairwise(GUESTS[guest])]
    if arguments.bare:  # there, neither pv nor the APIC's mode is ours
        rows = list({(g, r["emulator"], r["cpus"]): (g, dict(emulator=r["emulator"], cpus=r["cpus"])) for g, r in rows}.values())
    if arguments.emulator:
        rows = [(g, r) for g, r in rows if r["emulator"] == arguments.emulator]
    tap = machine.Tap()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(lambda pair: one(*pair, arguments.bare), rows):
            tap.line(*result)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
