#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots kernels that are neither Linux for x86-64 nor ours: by Multiboot, Multiboot2 and Linux's 32-bit entry.

    tests/boot/foreign.py [--bare] [--full] [--jobs N] [NAME...]

Each row below is a kernel as Debian ships it, with what its console must say, in this order, and how it ends. --bare runs them
on QEMU's own loader instead, where that can; --full takes every row on both versions of QEMU, else each once.
"""

import argparse
import concurrent.futures
import gzip
import os
import subprocess
import sys

import guests
import machine

LIMIT = int(os.environ.get("LIMIT", "240"))  # seconds: a safety net; a row that takes long has twice as many
WORK = os.path.join(machine.BUILD, "boot")
FETCH = machine.FETCH
TASK = os.path.join(machine.BUILD, "guest/mach_task.elf")
MACH = {"kernel": "gnumach-i386", "protocol": "multiboot1", "cmdline": "gnumach console=com0", "modules": [
    {"path": TASK, "args": "first one $(task-create) $(task-resume)"},
    {"path": TASK, "args": "second two $(task-create) $(task-resume)"}]}
MACH_SAYS = [r"^GNU Mach 1\.8", r"^biosmem: .*100000:.*, available", r"^RTC time is 20\d\d-", r"^module 1: .* two ",
             r"^2 multiboot modules", r"hello from (first|.*mach_task)", r"hello from (second|.*mach_task)"]
MEMTEST_SAYS = [r"Memtest86\+ v6", r"Testing", r"#0  \[Address test", r"#[2-9]  \[[^#]*Errors: 0 "]  # the screen, now and then
# One console for the hypervisor and its dom0. What calls itself another loader than GRUB gives the file's name first.
XEN = {"kernel": "xen", "cmdline": "xen com1=115200,8n1 console=com1 noreboot dom0_mem=200M smap=off"}
XEN_SAYS = [r"Xen version 4\.17", r"e820 RAM map", r"ACPI: RSDP ", r"Brought up 2 CPUs", r"Dom0 alloc\."]
DOM0 = [{"path": "linux-6.1", "args": "linux console=hvc0 quiet panic=-1 hvcc.report"}, {"path": "initrd", "args": ""}]
LINUX_32 = {"initrd": "initrd-i386", "cmdline": "console=ttyS0 panic=-1 quiet hvcc.report"}

# name -> boot, what it says, and: cpus (1), memory in MiB (64), apic (xapic), pv (none), `off`: it powers off in the end,
# `full`: too long for a short selection, `bare`: QEMU's loader takes it.
ROWS = {
    "gnumach-32": dict(boot=MACH, says=MACH_SAYS, bare=True),
    "gnumach-64": dict(boot={"kernel": "gnumach-64", "cmdline": "gnumach console=com0"},
                       says=[r"^GNU Mach 1\.8", r"^RTC time is ", r"No bootstrap code loaded"]),
    "xen-multiboot1": dict(boot=dict(XEN, protocol="multiboot1", modules=DOM0[:1]), says=XEN_SAYS + [r"^about to get started"],
                           cpus=2, memory=448, bare=True),
    "xen-multiboot2": dict(boot=dict(XEN, protocol="multiboot2", modules=DOM0), cpus=2, memory=448, full=True, off=True,
                           says=XEN_SAYS + [r"^hypervisor: Xen PV", r"^hvcc-report-end", r"Entering ACPI S5"]),
    "memtest-x64": dict(boot={"kernel": "memtest-x64", "cmdline": "console=ttyS0,115200"}, says=MEMTEST_SAYS,
                        memory=16, bare=True),
    "memtest-ia32": dict(boot={"kernel": "memtest-ia32", "cmdline": "console=ttyS0,115200"},
                         says=MEMTEST_SAYS, memory=16, bare=True),
    "linux-686-pae": dict(boot=dict(LINUX_32, kernel="linux-686-pae"), cpus=2, memory=256, pv="kvm", off=True, bare=True,
                          says=[r"^kernel: 6\.1\.\S+-686-pae", r"^cpus-online: 0-1", r"^hvcc-report-end"]),
    "linux-686": dict(boot=dict(LINUX_32, kernel="linux-686"), memory=256, off=True, full=True, bare=True,
                      says=[r"^kernel: 6\.1\.\S+-686$", r"^cpus-online: 0", r"^hvcc-report-end"]),
}


def unpacked(package, source):
    """Multiboot knows no compression; GRUB unpacks on the way."""
    path = os.path.join(WORK, package + ".elf")
    with gzip.open(os.path.join(FETCH, package, source)) as packed, open(path, "wb") as file:
        file.write(packed.read())
    return path


def initrd(package, **environment):
    path = os.path.join(WORK, package + ".cpio")
    subprocess.run([os.path.join(machine.TOP, "tests/boot/initramfs/make.sh"), "shell", path], check=True,
                   env=dict(os.environ, **environment))
    return path


def vmlinuz(package):
    return os.path.join(FETCH, package, "vmlinuz")


# What the rows name -> the package that has it, and the file that is made of it.
FILES = {
    "gnumach-i386": ("gnumach-i386", lambda: unpacked("gnumach-i386", "boot/gnumach-1.8-486.gz")),
    "gnumach-64": ("gnumach", lambda: unpacked("gnumach", "boot/gnumach-1.8-486.gz")),
    "xen": ("xen-hypervisor", lambda: unpacked("xen-hypervisor", "boot/xen-4.17-amd64.gz")),
    "memtest-x64": ("memtest", lambda: os.path.join(FETCH, "memtest/boot/memtest86+x64.bin")),
    "memtest-ia32": ("memtest", lambda: os.path.join(FETCH, "memtest/boot/memtest86+ia32.bin")),
    "linux-6.1": ("kernel-6.1", lambda: vmlinuz("kernel-6.1")),
    "linux-686": ("kernel-686", lambda: vmlinuz("kernel-686")),
    "linux-686-pae": ("kernel-686-pae", lambda: vmlinuz("kernel-686-pae")),
    "initrd": ("busybox", lambda: initrd("busybox")),
    "initrd-i386": ("busybox-i386", lambda: initrd("busybox-i386", BUSYBOX=os.path.join(FETCH, "busybox-i386/bin/busybox"))),
    TASK: (None, lambda: TASK),
}


def names_of(boot):
    return [boot[key] for key in ("kernel", "initrd") if key in boot] + [module["path"] for module in boot.get("modules", [])]


def prepare(rows):
    """What the rows name -> the file, made once."""
    names = sorted({name for _, row in rows for name in names_of(row["boot"])})
    machine.fetch("qemu-10", *sorted({FILES[name][0] for name in names if FILES[name][0]}))
    os.makedirs(WORK, exist_ok=True)
    return {name: FILES[name][1]() for name in names}


def located(boot, files):
    """The row's boot with the files in place of their names."""
    boot = dict(boot, kernel=files[boot["kernel"]])
    if "initrd" in boot:
        boot["initrd"] = files[boot["initrd"]]
    if "modules" in boot:
        boot["modules"] = [dict(module, path=files[module["path"]]) for module in boot["modules"]]
    return boot


def start(name, row, emulator, boot, bare):
    directory = os.path.join(WORK, "-".join(["bare" if bare else "hv", "foreign", name, emulator]))
    os.makedirs(directory, exist_ok=True)
    cpus, memory = row.get("cpus", 1), row.get("memory", 64)
    if bare:  # QEMU puts the kernel's own name first on a Multiboot command line
        words = boot["cmdline"].split(" ", 1)[1] if "modules" in boot else boot["cmdline"]
        modules = ",".join(module["path"] + " " + module["args"].split(" ", 1)[-1] for module in boot.get("modules", []))
        command = machine.qemu_command(emulator, boot["kernel"], cpus=cpus, memory=memory, append=words,
                                       initrd=modules or boot.get("initrd"))
    else:
        pv = row.get("pv", "none")
        tree = {"schema": "hvcc/guest/v1", "name": name, "vcpus": {"count": cpus, "apic": {"mode": row.get("apic", "xapic")}},
                "memory": {"size": "%dMiB" % memory}, "boot": boot, "pv": pv if pv == "none" else [pv],
                "devices": {"serial": [{"id": "com1", "io": 0x3F8, "irq": 4}]}}
        image = os.path.join(directory, "image.elf")
        machine.hvcc_build(guests.write_system(directory, [tree]), image)
        command = machine.qemu_command(emulator, image, cpus=cpus, memory=memory + 256)
    return machine.Machine(command, LIMIT * (2 if row.get("full") else 1), os.path.join(directory, "console.log"))


def run(name, row, emulator, boot, bare):
    vm = start(name, row, emulator, boot, bare)
    try:
        for pattern in row["says"]:
            vm.expect(pattern)
        if row.get("off"):
            vm.finish()
            if not vm.powered_off():
                raise machine.Failure("the machine did not power off; last line: " + vm.last_line())
    finally:
        vm.kill()


def one(name, row, emulator, files, bare):
    title = "foreign %s%s: %s" % (name, " (bare)" if bare else "", emulator)
    try:
        run(name, row, emulator, located(row["boot"], files), bare)
    except machine.Failure as failure:
        return False, title, str(failure)
    return True, title, ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bare", action="store_true", help="without the hypervisor")
    parser.add_argument("--full", action="store_true", help="every row on every version of QEMU")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    chosen = [(name, row) for name, row in ROWS.items()
              if (name in arguments.names if arguments.names else arguments.full or not row.get("full"))
              and (row.get("bare") or not arguments.bare)]
    files = prepare(chosen)
    pairs = [(name, row, emulator) for i, (name, row) in enumerate(chosen) for emulator in
             (guests.QEMUS if arguments.full else [guests.QEMUS[i % len(guests.QEMUS)]])]
    tap = machine.Tap()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(lambda pair: one(*pair, files, arguments.bare), pairs):
            tap.line(*result)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
