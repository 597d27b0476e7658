#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots one configuration N times: tests/boot/boots.py [N] [WORD=VALUE...]. One line of TAP a boot.

A boot that does not end is a failure whose console stays in build/boot/boots; nothing is tried again. KVM under the same
emulator hangs now and then, so this is where a rate would show.
"""

import os
import shutil
import sys
import time

import linux
import machine
import report as reports

ROW = {"kernel": "6.1-cloud", "shape": "1x2x2", "nodes": "flat", "apic": "x2apic", "pv": "kvm", "start": "bzimage", "emulator": "qemu-7"}


def boot(row, number, place):
    begin = time.monotonic()
    vm = linux.start(row)
    try:
        vm.finish()
        report = reports.last_report(vm.text)
        problems = linux.compare(row, report) if report else ["no report; last line: " + vm.last_line()]
        if not vm.powered_off():
            problems.append("no power-off")
    except machine.Failure as failure:
        problems = [str(failure)]
    if problems:
        shutil.copy(vm.log.name, os.path.join(place, "%d.log" % number))
    return problems, time.monotonic() - begin


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    row = dict(ROW, **dict(word.split("=", 1) for word in sys.argv[2:]))
    machine.fetch("busybox", "qemu-10", "kernel-" + row["kernel"])
    linux.initrd()
    place = os.path.join(machine.BUILD, "boot", "boots")
    os.makedirs(place, exist_ok=True)
    tap = machine.Tap()
    for number in range(1, count + 1):
        problems, seconds = boot(row, number, place)
        tap.line(not problems, "boot %d: %.1f s" % (number, seconds), "\n".join(problems))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
