# SPDX-License-Identifier: Apache-2.0
"""Emulated machines for the tests: one command line per emulator, and a serial console that is read as events.

Nothing here waits for a while and hopes: a test says what text it expects, and the time limit of a machine is a safety net
whose end is a failure. A failure is never tried again.
"""

import os
import re
import select
import shutil
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
FETCH = os.path.join(BUILD, "fetch")
HVCC = os.environ.get("HVCC", os.path.join(BUILD, "hvcc"))

# What a test calls an emulator, and how it starts. `-nodefaults` keeps one version from loading another's modules.
EMULATORS = {
    "qemu-7": "qemu-system-x86_64",
    "qemu-10": os.path.join(FETCH, "qemu-10", "qemu-system-x86_64"),
    "bochs": os.path.join(FETCH, "bochs-3", "bochs"),
}

# What a row calls Bochs with a processor of its own: `bochs` is AMD-V, the others are VT-x.
BOCHS = {"bochs": "ryzen", "bochs-icelake": "corei7_icelake_u", "bochs-sapphire": "sapphire_rapids",
         "bochs-sandy": "corei7_sandy_bridge_2600k"}  # without SPP


class Failure(Exception):
    """A machine did not do what was expected of it; the text says what."""


def fetch(*names):
    """Has what the tests name fetched, once."""
    subprocess.run([os.path.join(TOP, "tests/emulators/fetch.sh"), *names], check=True, stdout=subprocess.DEVNULL)


def qemu_command(emulator, image, cpus=1, memory=512, cpu="max", append=None, initrd=None, extra=(), icount=False):
    """The command line of one QEMU; `image` is a kernel (ELF) or an ISO."""
    command = [EMULATORS[emulator], "-accel", "tcg", "-machine", "q35", "-cpu", cpu, "-m", str(memory), "-smp",
               str(cpus), "-nodefaults", "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-trace", "enable=qemu_system_shutdown_request"]
    command += ["-cdrom", image] if image.endswith(".iso") else ["-kernel", image]
    if append is not None:
        command += ["-append", append]
    if initrd:
        command += ["-initrd", initrd]
    if icount:
        command += ["-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm"]
    return command + list(extra)


class Machine:
    """A running emulator. Its console is `text`; expect() reads on until a pattern has come."""

    def __init__(self, command, limit, log, directory=None, console_file=None):
        self.text = ""
        self.seen = 0
        self.limit = limit
        self.end = time.monotonic() + limit
        self.log = open(log, "w", encoding="utf-8", errors="replace")
        self.log.write("$ " + " ".join(command) + "\n")
        self.log.flush()
        self.console_file = console_file
        self.console_at = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        cwd=directory)

    def _take(self, data):
        text = data.decode("utf-8", "replace").replace("\r", "")
        self.text += text
        self.log.write(text)
        self.log.flush()

    def _read(self):
        """Takes what comes next; False at the end of the output."""
        left = self.end - time.monotonic()
        if left <= 0:
            self.process.kill()
            self.process.wait()
            self.log.write("\n*** the machine did not end within %d s\n" % self.limit)
            self.log.flush()
            raise Failure("nothing more within %d s; last line: %s" % (self.limit, self.last_line()))
        ready, _, _ = select.select([self.process.stdout], [], [], min(left, 5))
        if not ready:
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        if data:
            self._take(data)
        return bool(data)

    def last_line(self):
        lines = [line for line in self.text.split("\n") if line.strip()]
        return lines[-1][-200:] if lines else "(none)"

    def expect(self, pattern):
        """The next match of the pattern behind the last one."""
        regex = re.compile(pattern, re.MULTILINE)
        while True:
            match = regex.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            if not self._read():
                raise Failure("ended without `%s`; last line: %s" % (pattern, self.last_line()))

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def finish(self):
        """Reads to the end of the machine; its exit status."""
        while self._read():
            pass
        return self.process.wait()

    def powered_off(self):
        """Whether the machine ended by ACPI's S5, and not by a reset or a fault, which also end QEMU with status 0."""
        return "qemu_system_shutdown_request reason=6" in self.text

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Tap:
    """Prints lines of TAP and counts them."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def line(self, good, name, why=""):
        self.count += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, name))
        for line in why.splitlines() if not good else ():
            print("# " + line)
        self.flush()

    def skip(self, name, why):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, why))

    @staticmethod
    def flush():
        os.sys.stdout.flush()

    def finish(self):
        print("1..%d" % self.count)
        return 1 if self.failed else 0


BOCHSRC = """\
plugin_ctrl: unmapped=1, biosdev=1, extfpuirq=1, iodebug=1, serial=1, speaker=0, parallel=0, gameport=0
config_interface: textconfig
display_library: term
# Nobody reads the terminal that it draws on; drawn by the computer's own time, it would be full one day, and Bochs would wait.
vga: extension=vbe, update_freq=1, realtime=0
cpu: model={cpu}, count={cpus}, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0{features}
memory: guest={memory}, host={memory}
romimage: file={share}/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file={share}/usr/share/vgabios/vgabios.bin
pci: enabled=1, chipset=i440fx
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
clock: sync=none, time0=1577836800
com1: enabled=1, mode=file, dev=serial.out
log: bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def run_bochs(image, log, cpus=1, memory=256, cpu="ryzen", features="", limit=120):
    """Runs an ISO in Bochs to its end; the serial console's text. Its exit status says nothing."""
    image = os.path.abspath(image)
    with tempfile.TemporaryDirectory(prefix="bochs.", dir=BUILD) as directory:
        with open(os.path.join(directory, "bochsrc"), "w", encoding="utf-8") as file:
            file.write(BOCHSRC.format(cpu=cpu, cpus=cpus, memory=memory, image=image, share=os.path.join(FETCH, "bochs-3"),
                                      features=', add_features="%s"' % features if features else ""))
        with open(os.path.join(directory, "debugger"), "w", encoding="utf-8") as file:
            file.write("c\n")
        try:
            subprocess.run([EMULATORS["bochs"], "-q", "-f", "bochsrc", "-rc", "debugger"], cwd=directory, timeout=limit,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env=dict(os.environ, TERM="xterm"), check=False)
        except subprocess.TimeoutExpired:
            pass
        if not os.path.exists(os.path.join(directory, "serial.out")):
            raise Failure("Bochs did not come as far as its serial port")
        with open(os.path.join(directory, "serial.out"), encoding="utf-8", errors="replace") as file:
            text = file.read().replace("\r", "")
        for name, target in (("serial.out", log), ("bochs.log", log + ".bochs")):
            if os.path.exists(os.path.join(directory, name)):
                shutil.copy(os.path.join(directory, name), target)
    return text


def grub_iso(output, kernel, protocol, arguments="", modules=()):
    """An ISO whose GRUB starts `kernel` by `multiboot` or `multiboot2`; modules are (file, arguments)."""
    word = "module2" if protocol == "multiboot2" else "module"
    with tempfile.TemporaryDirectory(prefix="iso.", dir=BUILD) as directory:
        os.makedirs(os.path.join(directory, "boot/grub"))
        shutil.copy(kernel, os.path.join(directory, "boot/kernel"))
        lines = ["set timeout=0", "menuentry \"kernel\" {", "%s /boot/kernel kernel %s" % (protocol, arguments)]
        for i, (path, text) in enumerate(modules):
            shutil.copy(path, os.path.join(directory, "boot/module%d" % i))
            lines.append("%s /boot/module%d %s" % (word, i, text))
        with open(os.path.join(directory, "boot/grub/grub.cfg"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines + ["boot", "}", ""]))
        subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", output, directory, "--locales=", "--fonts=",
                        "--themes=", "--install-modules=normal multiboot multiboot2 iso9660 biosdisk part_msdos"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def hvcc_build(source, output, *options):
    """Builds an image; Failure with hvcc's message when it refuses."""
    result = subprocess.run([HVCC, "build", source, "-o", output, *options], capture_output=True, text=True, timeout=60,
                            check=False)
    if result.returncode:
        raise Failure("hvcc build %s: exit %d\n%s" % (source, result.returncode, result.stderr))
