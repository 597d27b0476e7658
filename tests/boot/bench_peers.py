# SPDX-License-Identifier: Apache-2.0
"""The benchmark's guests under KVM and under Xen, each from Debian's packages, in the same emulator as hvcore.

KVM: a Debian cloud kernel with kvm-amd as L1, QEMU 7.2 in its initramfs, our guests as L2. Xen: Debian's hypervisor with a PVH
dom0 of Debian's kernel, whose initramfs has xl; our guests are PVH domains. The first line of a Linux guest's init is
counted when the console of the host has it, so the whole stack is in the figure.
"""

import os
import re
import shutil
import subprocess

import bench_guest
from machine import BUILD, FETCH, TOP, Machine, fetch

CMDLINE = "console=ttyS0 panic=-1 nokaslr norandmaps quiet"
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /var/lib /var/run /var/log /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mark() {{ while read -r line; do echo "$line"; case $line in *hvcc-userspace*) /bin/tsc ;; esac; done; }}
{commands}
echo hvcc-peer-done
poweroff -f
"""
KVM_COMMANDS = """
insmod /irqbypass.ko; insmod /kvm.ko; insmod /kvm-amd.ko
vmm() {{ qemu-system-x86_64 -accel kvm -cpu host -machine q35 -m 256 -nodefaults -display none -serial stdio -monitor none \\
	-no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 -L /usr/share/qemu -L /usr/share/seabios "$@" </dev/null 2>&1; }}
{run}
"""
KVM_RUNS = {
    "operations": "vmm -kernel /bench.elf",
    "boot-bzimage": "vmm -kernel /vmlinuz -initrd /initrd -append '%s' | mark" % CMDLINE,
    "guest": "vmm -kernel /vmlinuz -initrd /initrd-bench -append '%s cryptomgr.notests'" % CMDLINE,
}


SLEEP_TICKS = 200000  # as in tests/guest/bench/main.c, which takes a tick for an instruction ...
XEN_TICK = 10         # ... but the timer of Xen's local APIC counts at 100 MHz
XEN_ARGUMENTS = "dom0_mem=768M com1=115200,8n1 console=com1 smap=hvm loglvl=none guest_loglvl=all noreboot"
XEN_TOOLS = "/usr/lib/xen-4.17/bin/"
# QEMU 7.2 cannot IRET to ring 3 under SMAP, hence smap=hvm for the PV dom0; it reports RDTSCP as RDTSC, which Xen takes for a
# mismatch, hence no RDTSCP. Our bare-metal guest ends in HLT with interrupts off,
# which powers a domain off; what it wrote to port 0xe9 is in the hypervisor's log.
XEN_COMMANDS = """
for m in /xen*.ko; do insmod $m; done
mount -t xenfs xenfs /proc/xen
mkdir -p /etc/xen && : >/etc/xen/xl.conf
mkdir -p /var/lock /var/run/xen /var/lib/xen /var/lib/xenstored /var/log/xen /run/xen /run/xenstored /run/lock
export PATH=$PATH:/usr/lib/xen-4.17/bin LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu
xenstored --pid-file /run/xenstored.pid
xenconsoled --pid-file=/run/xenconsoled.pid
xen-init-dom0
{run}
"""
XEN_RUNS = {
    "operations": "xl create -q -F /bench.cfg; xl dmesg",
    "boot-bzimage": "xl create -q -F -c /linux.cfg </dev/console | mark",
}
XEN_GUESTS = {
    "bench.cfg": 'name="bench"\ntype="pvh"\nkernel="/bench.elf"\nmemory=64\nvcpus=1\n',
    "linux.cfg": 'name="linux"\ntype="pvh"\nkernel="/vmlinuz"\nramdisk="/initrd"\nmemory=256\nvcpus=1\n'
                 'cmdline="%s"\non_poweroff="destroy"\n' % CMDLINE.replace("ttyS0", "hvc0"),
}


def libraries(program, path=None):
    """The shared libraries of a program, as ldd finds them."""
    environment = dict(os.environ, **({"LD_LIBRARY_PATH": path} if path else {}))
    result = subprocess.run(["ldd", program], capture_output=True, text=True, check=True, env=environment)
    return re.findall(r"(/\S+) \(0x", result.stdout)


def put(tree, path, source):
    target = os.path.join(tree, path.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


def pack(tree, output):
    with open(output, "wb") as file:
        names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=tree, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names, stdout=file, check=True)


def base_tree(tree, marker_initrd):
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "bin"))
    put(tree, "bin/busybox", os.path.join(FETCH, "busybox/bin/busybox"))
    os.symlink("busybox", os.path.join(tree, "bin/sh"))
    subprocess.run(["cpio", "-i", "--quiet", "bin/tsc"], cwd=tree, stdin=open(marker_initrd, "rb"), check=True)
    put(tree, "initrd", marker_initrd)
    put(tree, "vmlinuz", os.path.join(FETCH, "kernel-6.1-cloud/vmlinuz"))
    put(tree, "bench.elf", os.path.join(BUILD, "guest/bench.elf"))


def write_init(tree, commands):
    path = os.path.join(tree, "init")
    with open(path, "w", encoding="utf-8") as file:
        file.write(INIT.format(commands=commands))
    os.chmod(path, 0o755)


def run(work, name, arguments, without=""):
    command = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "q35", "-cpu", "EPYC-Milan,+svm,+npt" + without, "-m", "1536", "-smp", "1",
               "-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
               "-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm"] + arguments
    machine = Machine(command, 900, os.path.join(work, name + ".log"))
    try:
        machine.expect("hvcc-peer-done")
    finally:
        machine.kill()
    return machine.text


def figures(text):
    found = {name: int(value) for name, value in re.findall(r"^(?:\(d1\) )?bench (\S+) (\d+)\s*$", text, re.MULTILINE)}
    marks = re.findall(r"hvcc-userspace tsc\s+(\d+)", text)
    if marks:
        found["boot-bzimage"] = int(marks[-1])  # the host's counter, printed when the guest's line had come
    return found


def measure_kvm(work, marker_initrd):
    fetch("kernel-6.1-kvm")
    tree = os.path.join(work, "kvm")
    base_tree(tree, marker_initrd)
    qemu = shutil.which("qemu-system-x86_64")
    put(tree, "bin/qemu-system-x86_64", qemu)
    for library in libraries(qemu):
        put(tree, library, library)
    for rom in ("bios-256k.bin", "linuxboot_dma.bin", "multiboot_dma.bin", "kvmvapic.bin", "pvh.bin"):
        for folder in ("/usr/share/qemu", "/usr/share/seabios"):
            if os.path.exists(os.path.join(folder, rom)):
                put(tree, os.path.join(folder, rom), os.path.join(folder, rom))
    for module in ("irqbypass.ko", "kvm.ko", "kvm-amd.ko"):
        put(tree, module, os.path.join(FETCH, "kernel-6.1-kvm", module))
    put(tree, "initrd-bench", os.path.join(work, "initrd-bench"))
    log = os.path.join(work, "kvm-exits.log")
    result = {}
    for name, command in KVM_RUNS.items():
        write_init(tree, KVM_COMMANDS.format(run=command))
        initrd = os.path.join(work, "kvm-%s.cpio" % name)
        pack(tree, initrd)
        text = run(work, "kvm-" + name, [
            "-kernel", os.path.join(FETCH, "kernel-6.1-kvm/vmlinuz"), "-initrd", initrd,
            "-append", "console=ttyS0 panic=-1 nokaslr quiet"] + (bench_guest.LOG_EXITS + [log] if name == "guest" else []))
        result.update(figures(text) if name != "guest" else bench_guest.figures(text, log))
    return result


def measure_xen(work, marker_initrd):
    fetch("xen", "kernel-6.1-xen")
    xen = os.path.join(FETCH, "xen")
    tree = os.path.join(work, "xen")
    base_tree(tree, marker_initrd)
    path = ":".join(os.path.join(xen, folder) for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib"))
    for tool in ("xl", "xenstored", "xenconsoled", "xenconsole", "xen-init-dom0"):
        program = os.path.join(xen, XEN_TOOLS.lstrip("/"), tool)
        put(tree, XEN_TOOLS + tool, program)
        for library in libraries(program, path):
            put(tree, library[len(xen):] if library.startswith(xen) else library, library)
    # Found by name when a thread ends, not by ldd.
    put(tree, "/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib/x86_64-linux-gnu/libgcc_s.so.1")
    for name in os.listdir(os.path.join(FETCH, "kernel-6.1-xen")):
        if name.endswith(".ko"):
            put(tree, name, os.path.join(FETCH, "kernel-6.1-xen", name))
    for name, text in XEN_GUESTS.items():
        with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
            file.write(text)
    hypervisor = os.path.join(work, "xen.elf")
    with open(hypervisor, "wb") as file:
        subprocess.run(["zcat", "-f", os.path.join(xen, "boot/xen-4.17-amd64.gz")], stdout=file, check=True)
    result = {}
    for name, command in XEN_RUNS.items():
        write_init(tree, XEN_COMMANDS.format(run=command))
        initrd = os.path.join(work, "xen-%s.cpio" % name)
        pack(tree, initrd)
        kernel = os.path.join(FETCH, "kernel-6.1-xen/vmlinuz")
        result.update(figures(run(work, "xen-" + name, [
            "-kernel", hypervisor, "-append", XEN_ARGUMENTS,
            "-initrd", "%s console=hvc0 nokaslr quiet,%s" % (kernel, initrd)], ",-rdtscp")))
    for name in result:
        if name.startswith("hlt-wake"):
            result[name] -= SLEEP_TICKS * (XEN_TICK - 1)
    return result


def measure(work):
    """{peer: {row: instructions}}"""
    marker_initrd = os.path.join(work, "initrd")
    return {"KVM 6.1": measure_kvm(work, marker_initrd), "Xen 4.17": measure_xen(work, marker_initrd)}
