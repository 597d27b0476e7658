#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: what the core costs, in instructions, beside the bare machine in the same run, against the design's budgets.

QEMU 7.2 TCG, one CPU, -cpu EPYC-Milan -icount shift=0,sleep=off: the time stamp counter counts instructions, so that a figure
repeats to 0.1 % whatever else the computer is doing. Writes build/bench.json: [{name, value, unit, budget, bare}].
The same operations on Bochs's VT-x and AMD-V, whose counter counts instructions too (their budgets are those of QEMU).
With BENCH_PEERS=1 KVM and Xen run the same guests in the same emulator (bench_peers.py).
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "compiler"))

import bench_compiler as compiler
import bench_guest
from machine import BOCHS, BUILD, HVCC, TOP, Machine, fetch, grub_iso, hvcc_build, qemu_command, run_bochs

WORK = os.path.join(BUILD, "bench")
CPU = "EPYC-Milan"
CMDLINE = "console=ttyS0 panic=-1 nokaslr norandmaps quiet"

# name, budget in instructions: the rows of design section 10 that a bare-metal guest measures
OPERATIONS = (
    ("cpuid", 250), ("rdmsr-apic-base", 220), ("vmmcall", 200), ("uart-status", 300), ("eoi-xapic", 700), ("eoi-x2apic", 250),
    ("self-ipi-x2apic", 900), ("hlt-wake-x2apic", 2000), ("hlt-wake-xapic", 2000), ("hlt-wake-deadline", 2000),
)
# name, budget, `boot.unpack`, words added to the command line
BOOTS = (
    ("boot-bzimage", 1650e6, False, ""),
    ("boot-unpack", 1530e6, True, ""),
    ("boot-unpack-notests", 660e6, True, " cryptomgr.notests"),
)


def run(name, image, memory, **options):
    """One machine to its end; its console."""
    command = qemu_command("qemu-7", image, cpus=1, memory=memory, cpu=CPU, icount=True, **options)
    machine = Machine(command, 600, os.path.join(WORK, name + ".log"))
    machine.finish()
    return machine.text


def operations(text):
    return {name: int(value) for name, value in re.findall(r"^bench (\S+) (\d+)$", text, re.MULTILINE)}


def without_mitigations(name, guest):
    """The budgets hold without measures against speculation, on memory that is zero at power-on: a system of this one guest that
    leaves both out."""
    path = os.path.join(WORK, name + "-system.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"schema": "hvcc/system/v1", "name": name, "mitigations": False, "scrub": False, "guests": [guest]}, file)
    return path


def measure_operations():
    elf = os.path.join(BUILD, "guest/bench.elf")
    image = os.path.join(WORK, "bench.elf")
    hvcc_build(without_mitigations("operations", os.path.join(TOP, "tests/guest/bench/guest.yaml")), image)
    bare = operations(run("operations-bare", elf, 128, append="bare"))
    ours = operations(run("operations", image, 256))
    return [(name, ours.get(name), "instructions", budget, bare.get(name)) for name, budget in OPERATIONS]


def measure_on_bochs():
    """The operations beyond QEMU's AMD-V; after measure_operations()."""
    fetch("bochs-3")
    iso = os.path.join(WORK, "bench.iso")
    grub_iso(iso, os.path.join(WORK, "bench.elf"), "multiboot2")
    rows = []
    for emulator, label in (("bochs-icelake", "vt-x"), ("bochs", "amd-v-nrip")):
        ours = operations(run_bochs(iso, os.path.join(WORK, label + ".log"), cpu=BOCHS[emulator], limit=300))
        rows += [("%s %s" % (label, name), ours.get(name), "instructions", budget, None) for name, budget in OPERATIONS]
    return rows


def boot_guest(name, unpack, words):
    path = os.path.join(WORK, name + ".yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({
            "schema": "hvcc/guest/v1", "name": "linux", "vcpus": {"count": 1}, "memory": {"size": "256MiB"},
            "boot": {"kernel": "vmlinuz", "initrd": "initrd", "cmdline": CMDLINE + words, "unpack": unpack},
            "devices": {"serial": [{"id": "com1", "io": 0x3f8, "irq": 4}]},
        }, file)
    return path


def marker(text):
    """Instructions from power-on to the first line of init: a guest's first start shows it the machine's own counter."""
    mark = re.search(r"hvcc-userspace tsc\s+0*(\d+)", text)
    return int(mark.group(1)) if mark else None


def measure_boots():
    fetch("kernel-6.1-cloud", "busybox")
    kernel = os.path.join(WORK, "vmlinuz")
    initrd = os.path.join(WORK, "initrd")
    if not os.path.exists(kernel):
        os.symlink(os.path.join(BUILD, "fetch/kernel-6.1-cloud/vmlinuz"), kernel)
    subprocess.run([os.path.join(TOP, "tests/boot/initramfs/make.sh"), "marker", initrd], check=True)
    rows = []
    for name, budget, unpack, words in BOOTS:
        image = os.path.join(WORK, name + ".elf")
        hvcc_build(without_mitigations(name, boot_guest(name, unpack, words)), image)
        bare = marker(run(name + "-bare", kernel, 256, initrd=initrd, append=CMDLINE + words))
        rows.append((name, marker(run(name, image, 512)), "instructions", budget, bare))
    return rows


def measure_guest():
    """A Debian guest that has its CPU for itself: exits while it sleeps and while it works, and how late it wakes."""
    words = " cryptomgr.notests"
    guest, initrd, log = boot_guest("guest", False, words), os.path.join(WORK, "initrd-bench"), os.path.join(WORK, "exits.log")
    bench_guest.make_initrd(WORK, initrd)
    with open(guest, encoding="utf-8") as file:
        tree = json.load(file)
    tree["boot"]["initrd"] = initrd
    with open(guest, "w", encoding="utf-8") as file:
        json.dump(tree, file)
    image = os.path.join(WORK, "guest.elf")
    hvcc_build(without_mitigations("guest", guest), image)
    ours = bench_guest.figures(run("guest", image, 512, extra=bench_guest.LOG_EXITS + [log]), log)
    bare = bench_guest.figures(run("guest-bare", os.path.join(WORK, "vmlinuz"), 256, initrd=initrd, append=CMDLINE + words))
    return [(name, ours.get(name), unit, budget, bare.get(name)) for name, budget, unit in bench_guest.ROWS]


def measure_compiler():
    """One guest with its kernel, and fleets; the ratios to other validators are printed apart."""
    compiler.prepare()
    one = os.path.join(WORK, "boot-bzimage.yaml")
    rows = [("check-one-guest", compiler.instructions(HVCC, "check", one), "instructions", 40e6, None)]
    for count, cost, size in compiler.measure_fleets():
        rows.append(("check-%d-guests" % count, cost, "instructions", 4e6 * count, None))
        if count == 1000:
            rows.append(("check-%d-guests-memory" % count, size, "KiB", 300 * 1024, None))
    return rows


def measure_memory():
    """What the core takes from the machine, by its own account, for one vCPU without payloads and rings."""
    with open(os.path.join(WORK, "operations.log"), encoding="utf-8") as file:
        taken = re.search(r"memory for the core: (\d+) KiB", file.read())
    return [("memory-taken", int(taken.group(1)) if taken else None, "KiB", 2048 + 64, 0)]


def measure_size():
    result = subprocess.run(["cloc", "--json", "--quiet", os.path.join(TOP, "core")], capture_output=True, text=True, check=True)
    return [("core-lines", json.loads(result.stdout)["SUM"]["code"], "lines", 9000, None)]


def text_of(value):
    return "-" if value is None else "{:,}".format(int(value))


def main():
    os.makedirs(WORK, exist_ok=True)
    rows = measure_operations() + measure_on_bochs() + measure_boots() + measure_guest() + measure_compiler() + measure_memory() + measure_size()
    peers = {}
    if os.environ.get("BENCH_PEERS") == "1":
        import bench_peers
        peers = bench_peers.measure(WORK)
    names = sorted(peers)
    layout = "{:28}{:>16}{:>16}{:>16}" + "{:>16}" * len(names) + "  {}"
    print(layout.format("", "hvcore", "budget", "bare", *names, "unit"))
    missed = 0
    for name, value, unit, budget, bare in rows:
        over = value is None or value > budget
        missed += over
        print(layout.format(name, text_of(value), text_of(budget), text_of(bare), *(text_of(peers[n].get(name)) for n in names),
                            unit + ("  MISSED" if over else "")))
    with open(os.path.join(BUILD, "bench.json"), "w", encoding="utf-8") as file:
        json.dump([dict({"name": n, "value": v, "unit": u, "budget": b, "bare": r},
                        **({"peers": {p: peers[p].get(n) for p in names}} if names else {})) for n, v, u, b, r in rows],
                  file, indent=1)
    compiler.print_ratios()
    print("%d of %d budgets missed; figures in build/bench.json" % (missed, len(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
