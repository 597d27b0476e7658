#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/compiler/captures/ anew: Debian's kernel runs in QEMU on machines with NUMA and NVDIMM, VT-d and AMD-Vi, and
`hvcc probe --collect` there writes what it reads. The archives are part of the tree; no test needs QEMU for them.

    tests/compiler/capture.py [NAME...]        `this` is the machine it runs on
"""
import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/boot"))
from machine import FETCH, HVCC, Machine, fetch  # pylint: disable=wrong-import-position

HERE = os.path.join(TOP, "tests/compiler/captures")
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox hostname NAME
/bin/hvcc probe --collect /tmp/t.tar.gz -o /tmp/machine.yaml
/bin/busybox base64 /tmp/t.tar.gz >/dev/ttyS1
echo capture-done
/bin/busybox poweroff -f
"""

# Options of QEMU, and of the kernel that runs in it. What stands here is compared in probe.py with what was found.
MACHINES = {
    "qemu-numa": (["-machine", "q35,nvdimm=on", "-cpu", "EPYC-Milan", "-m", "1G,slots=2,maxmem=4G",
                   "-smp", "4,sockets=2,cores=2,threads=1",
                   "-object", "memory-backend-ram,id=m0,size=384M", "-object", "memory-backend-ram,id=m1,size=640M",
                   "-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,cpus=2-3,memdev=m1",
                   "-numa", "dist,src=0,dst=1,val=17",
                   "-object", "memory-backend-file,id=p0,share=on,mem-path=pmem,size=256M",
                   "-device", "nvdimm,id=nvdimm0,memdev=p0,node=1"], "cloud", ""),
    "qemu-vtd": (["-machine", "q35", "-cpu", "Skylake-Server-v1", "-m", "512M", "-smp", "4,sockets=1,cores=2,threads=2",
                  "-device", "intel-iommu,intremap=on", "-device", "pcie-root-port,id=r0,bus=pcie.0,chassis=1",
                  "-device", "virtio-net-pci,bus=r0,disable-legacy=on,iommu_platform=on,ats=on",
                  "-device", "e1000e,addr=5.0,multifunction=on", "-device", "e1000e,addr=5.1"], "", "intel_iommu=on"),
    "qemu-amdvi": (["-machine", "q35", "-cpu", "EPYC-Milan", "-m", "512M", "-smp", "2,cores=1,threads=2",
                    "-device", "amd-iommu", "-device", "pcie-root-port,id=r0,bus=pcie.0,chassis=1",
                    "-device", "virtio-net-pci,bus=r0,disable-legacy=on,iommu_platform=on",
                    "-device", "e1000e,addr=5.0"], "", "amd_iommu=on"),
}


def make_initrd(folder, name):
    """busybox, hvcc and the libraries that it asks for."""
    tree = os.path.join(folder, "tree")
    os.makedirs(os.path.join(tree, "bin"))
    shutil.copy(os.path.join(FETCH, "busybox/bin/busybox"), os.path.join(tree, "bin/busybox"))
    os.symlink("busybox", os.path.join(tree, "bin/sh"))
    shutil.copy(HVCC, os.path.join(tree, "bin/hvcc"))
    subprocess.run(["strip", os.path.join(tree, "bin/hvcc")], check=True)
    for path in re.findall(r"(/\S+\.so\S*)", subprocess.run(["ldd", HVCC], check=True, capture_output=True, text=True).stdout):
        os.makedirs(tree + os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.realpath(path), tree + path)
    with open(os.path.join(tree, "init"), "w", encoding="utf-8") as file:
        file.write(INIT.replace("NAME", name))
    os.chmod(os.path.join(tree, "init"), 0o755)
    names = subprocess.run(["find", "."], cwd=tree, check=True, capture_output=True).stdout
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names, check=True, capture_output=True)
    with open(os.path.join(folder, "initrd"), "wb") as file:
        file.write(archive.stdout)


def capture(name):
    options, flavour, arguments = MACHINES[name]
    kernel = "kernel-6.1" + ("-" + flavour if flavour else "")
    fetch("busybox", kernel)
    with tempfile.TemporaryDirectory(prefix="capture.", dir=os.path.join(TOP, "build")) as folder:
        make_initrd(folder, name)
        machine = Machine(["qemu-system-x86_64", "-accel", "tcg", *options, "-nodefaults", "-display", "none", "-serial", "stdio",
                           "-serial", "file:out", "-no-reboot", "-kernel", os.path.join(FETCH, kernel, "vmlinuz"), "-initrd",
                           "initrd", "-append", "console=ttyS0 panic=-1 quiet " + arguments],
                          600, os.path.join(TOP, "build", name + ".log"), directory=folder)
        machine.expect("capture-done")
        machine.finish()
        with open(os.path.join(folder, "out"), "rb") as file:
            archive = base64.b64decode(file.read())
    with open(os.path.join(HERE, name + ".tar.gz"), "wb") as file:
        file.write(archive)
    print(f"{name}: {len(archive)} bytes")


def main():
    os.makedirs(HERE, exist_ok=True)
    for name in sys.argv[1:] or [*MACHINES, "this"]:
        if name == "this":
            subprocess.run([HVCC, "probe", "--name", "this", "--collect", os.path.join(HERE, "this.tar.gz")], check=True)
        else:
            capture(name)


if __name__ == "__main__":
    main()
