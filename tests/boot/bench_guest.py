# SPDX-License-Identifier: Apache-2.0
"""What a Linux guest that has its CPU for itself suffers: how often it is interrupted, and how late it wakes (initramfs/bench.c)."""

import os
import re
import subprocess

from machine import TOP

ROWS = (("exits-idle", 1200, "a minute"), ("exits-busy", 550, "a second"), ("wake-latency", 6500, "instructions"),
        ("wake-latency-worst", 9000, "instructions"))
# QEMU's log then has a line for each exit, and with an empty range of addresses hardly anything else. The name of the log follows.
LOG_EXITS = ["-d", "in_asm", "-dfilter", "0x0..0x0", "-D"]
MARK = "vmexit(00000081"  # VMMCALL, of the program alone


def make_initrd(work, output):
    program = os.path.join(work, "bench")
    subprocess.run(["gcc", "-O2", "-static", "-o", program, os.path.join(TOP, "tests/boot/initramfs/bench.c")], check=True)
    subprocess.run([os.path.join(TOP, "tests/boot/initramfs/make.sh"), "bench", output, program], check=True)


def exits(log):
    """Exits between the first and the second mark, and between the third and the fourth."""
    counts, marks = [0, 0], 0
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(MARK):
                marks += 1
            elif line.startswith("vmexit(") and marks in (1, 3):
                counts[marks // 2] += 1
    os.remove(log)
    return {"exits-idle": counts[0], "exits-busy": counts[1]} if marks == 4 else {}


def figures(text, log=None):
    found = exits(log) if log else {"exits-idle": 0, "exits-busy": 0}
    late = re.search(r"^latency \d+ (\d+) (\d+)", text, re.MULTILINE)
    if late:
        found.update({"wake-latency": int(late.group(1)), "wake-latency-worst": int(late.group(2))})
    return found
