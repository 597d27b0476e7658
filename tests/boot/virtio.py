#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Virtio devices under Debian's own drivers.

    tests/boot/virtio.py [NAME...]

Each is a function below, as in scenarios.py.
"""

import hashlib
import os
import subprocess
import sys

import guests
import linux
import machine
import scenarios
from scenarios import finish_poweroff, require

KERNEL = "kernel-6.1-virtio"
MODULES = ["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "virtio-rng", "virtio_console", "virtio_blk"]


def document(name, devices, cpus=1):
    """A Debian guest with these virtio devices, whose initramfs has their drivers, which are modules in Debian's kernel."""
    initrd = os.path.join(machine.BUILD, "boot", "initrd-virtio.cpio")
    modules = " ".join(os.path.join(machine.FETCH, KERNEL, module + ".ko") for module in MODULES)
    environment = dict(os.environ, MODULES=modules)
    subprocess.run([os.path.join(machine.TOP, "tests/boot/initramfs/make.sh"), "shell", initrd], check=True, env=environment)
    tree = linux.document(dict(scenarios.LINUX, shape="%dx1x1" % cpus), "ask")
    tree["name"] = name
    tree["boot"].update({"kernel": os.path.join(machine.FETCH, KERNEL, "vmlinuz"), "initrd": initrd})
    tree["devices"]["virtio"] = devices
    return tree


def system(name, documents, cpus, **options):
    """A system of such guests, running."""
    place = scenarios.directory(name)
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, documents, **options), image)
    command = machine.qemu_command("qemu-10", image, cpus=cpus, memory=len(documents) * linux.MEMORY + 512)
    return machine.Machine(command, linux.LIMIT, os.path.join(place, "console.log"))


def ask(vm, command, pattern):
    """Has the guest's shell run a command, and expects this of it."""
    vm.expect(r"^hvcc-ask")
    vm.send(command + "\n")
    return vm.expect(pattern)


def rng():
    """Debian's drivers find a virtio rng, by MSI-X, and read different bytes from it each time, also after a restart"""
    vm = system("virtio-rng", [document("linux", [{"id": "rng0", "type": "rng"}])], 1)
    ask(vm, "cat /sys/bus/pci/devices/0000:00:01.0/vendor /sys/class/misc/hw_random/rng_current", r"^0x1af4\nvirtio_rng")
    ask(vm, "grep -c 'MSI.*virtio0' /proc/interrupts", r"^2$")
    one = ask(vm, "head -c 4096 /dev/hwrng | md5sum", r"^([0-9a-f]{32})").group(1)
    require(ask(vm, "head -c 4096 /dev/hwrng | md5sum", r"^([0-9a-f]{32})").group(1) != one, "the same bytes again")
    ask(vm, "reboot", r"^hvcc-report-end")
    ask(vm, "head -c 4096 /dev/hwrng | wc -c", r"^4096$")
    ask(vm, "poweroff", r"")
    finish_poweroff(vm)


def console():
    """Debian's driver makes a terminal of a virtio console, and what is written there is on the machine's serial line"""
    vm = system("virtio-console", [document("linux", [{"id": "con0", "type": "console"}])], 1)
    ask(vm, "seq 1000 1200 >/dev/hvc0; echo written", r"^written")
    ask(vm, "poweroff", r"")
    finish_poweroff(vm)
    for number in range(1000, 1201):
        require("\n%d\n" % number in vm.text, "%d is not there" % number)


def blk():
    """a Debian guest makes a filesystem on a virtio disk, mounts it, writes and reads back; a restart brings the image of the file back"""
    image = os.path.join(scenarios.directory("virtio-blk"), "disk.img")
    with open(image, "wb") as file:
        file.write(b"disk of the test".ljust(512, b".") * 16384)
    vm = system("virtio-blk", [document("linux", [{"id": "disk0", "type": "blk", "backend": {"image": image}},
                                                  {"id": "disk1", "type": "blk", "readonly": True, "backend": {"image": image}}])], 1)
    ask(vm, "cat /sys/block/vda/size /sys/block/vda/ro /sys/block/vdb/ro; head -c 16 /dev/vda; echo", r"^16384\n0\n1\ndisk of the test$")
    ask(vm, "mke2fs -F /dev/vda >/dev/null && mkdir /mnt && mount -t ext4 /dev/vda /mnt && echo mounted", r"^mounted$")
    ask(vm, "dd if=/dev/urandom of=/mnt/file bs=64k count=40 2>/dev/null; sync; md5sum </mnt/file >/mnt/sum; umount /mnt; echo done", r"^done$")
    ask(vm, "echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/vda /mnt; [ \"$(md5sum </mnt/file)\" = \"$(cat /mnt/sum)\" ] && umount /mnt && echo same", r"^same$")
    ask(vm, "md5sum </dev/vdb", "^" + hashlib.md5(b"disk of the test".ljust(512, b".") * 16384).hexdigest())
    ask(vm, "dmesg | grep -c 'I/O error\\|EXT4-fs error'", r"^0$")
    ask(vm, "reboot", r"^hvcc-report-end")
    ask(vm, "head -c 16 /dev/vda; echo", r"^disk of the test$")
    ask(vm, "poweroff", r"")
    finish_poweroff(vm)


SCENARIOS = [rng, console, blk]


def main():
    machine.fetch("busybox", "qemu-10", KERNEL)
    tap = machine.Tap()
    for scenario in SCENARIOS:
        if not sys.argv[1:] or scenario.__name__ in sys.argv[1:]:
            tap.line(*scenarios.one(scenario))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
