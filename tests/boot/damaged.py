#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots images whose blob is damaged, from a seed.

    tests/boot/damaged.py [--full] [--count N] [--jobs N] [--seed N]

Every other one has a good hash over its damage, so that the checks behind the hash are reached. Where the hash is bad the core
must say that it refuses the blob; where it is good it may also find the damage harmless: then the guest ends as it always does.
Nothing may hang, start a guest half, or end without a line that says why. 12 images, or 200 with --full: a line of TAP each.
"""

import argparse
import concurrent.futures
import hashlib
import os
import random
import re
import struct
import sys

import guests
import machine

MAGIC = b"HVBLOB01"
HASH, SIGNATURE, SECTIONS = 48, 80, 144
GOOD = 1  # examples/hello ends by isa-debug-exit with 0


def damage(image, seed):
    """The image with one to four changes in header or records, and whether its hash is good."""
    draw = random.Random(seed)
    bytes_ = bytearray(image)
    start = bytes_.rindex(MAGIC)  # the core's code has it, too
    size = struct.unpack_from("<Q", bytes_, start + 16)[0]
    for _ in range(draw.randint(1, 4)):
        at = start + draw.choice((draw.randrange(0, HASH), draw.randrange(SECTIONS, SECTIONS + 512), draw.randrange(656, size)))
        kind = draw.randrange(3)
        if kind == 0:
            bytes_[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            bytes_[at] = draw.choice((0, 0xFF, draw.randrange(256)))
        else:
            struct.pack_into("<I", bytes_, at & ~3, draw.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, draw.randrange(1 << 32))))
    same = bytes_ == image
    if seed % 2 and struct.unpack_from("<Q", bytes_, start + 16)[0] == size:
        bytes_[start + HASH:start + SECTIONS] = bytes(SECTIONS - HASH)
        bytes_[start + HASH:start + SIGNATURE] = hashlib.sha256(bytes_[start:start + size]).digest()
        return bytes(bytes_), True
    return bytes(bytes_), same


def judge(text, status, good):
    """What is wrong with how that ended, or nothing; and what it was."""
    refused = re.search(r"^hvcore: (.*refused.*)$", text, re.M)
    if refused:
        return ("a guest ran" if "hello from" in text else ""), refused.group(1)
    if not good:
        return "the blob is damaged, and was not refused", ""
    if status == GOOD and "hello from" in text:
        return "", "harmless"
    why = re.search(r"^hvcore: ((?:guest [^:]*: |device ).*|.*(?:cannot|stopped|no ).*)$", text.split("CPUs, LAPIC")[-1], re.M)
    return ("" if why else "it ended without a reason: status %s" % status), why.group(1) if why else ""


def one(image, seed, place):
    path = os.path.join(place, "%d.elf" % seed)
    bytes_, good = damage(image, seed)
    with open(path, "wb") as file:
        file.write(bytes_)
    command = machine.qemu_command("qemu-7", path, memory=128)
    vm = machine.Machine(command, guests.LIMIT, os.path.join(place, "%d.log" % seed))
    try:
        try:
            vm.expect(r"^hvcore: (the core has stopped|it is now safe to switch the machine off)")  # it halts: there is nobody to report to
            vm.kill()
        except machine.Failure as failure:
            if not str(failure).startswith("ended"):
                raise
        problem, what = judge(vm.text, vm.process.wait(), good)
    except machine.Failure as failure:
        problem, what = str(failure), "failed"
    os.remove(path)
    return not problem, "damaged image %d: %s" % (seed, what[:100]), problem


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    place = os.path.join(machine.BUILD, "boot", "damaged")
    os.makedirs(place, exist_ok=True)
    path = os.path.join(place, "image.elf")
    machine.hvcc_build(os.path.join(machine.TOP, "examples/hello/guest.yaml"), path)
    with open(path, "rb") as file:
        image = file.read()
    tap = machine.Tap()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        seeds = range(arguments.seed, arguments.seed + (200 if arguments.full else arguments.count))
        for result in pool.map(lambda seed: one(image, seed, place), seeds):
            tap.line(*result)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
