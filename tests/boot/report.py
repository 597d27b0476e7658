# SPDX-License-Identifier: Apache-2.0
"""Reads the report that tests/boot/initramfs/init prints, and compares it with what the guest's file says."""

import math
import re

# Warnings of the kernel that are right, each with its reason.
EXPECTED = [
    (r"^ (#\d+ ?)+$", "the list of the processors it starts, which continues a line"),
    (r"^tsc: Unable to calibrate against PIT$", "the emulator is slow: Linux then takes the PM timer or the HPET"),
    (r"^(hrtimer: interrupt took|hpet: Lost) ", "the emulator's processors share fewer of the host, and stand still at times"),
    # The emulator's clocks go on while its processors wait for the host's: measured against each other they differ by that. The
    # guests clock, hpet, pic and lapic hold the same clocks to each other in instruction time.
    (r"^(tsc: HPET/PMTIMER calibration failed|APIC calibration not consistent with PM-Timer: )", "waited while it measured"),
    (r"^(Unstable clock detected, switching|If you want to keep using the local clock|  \"trace_clock=local\"|on the kernel command line)",
     "so it does without the TSC"),
    (r"^((MDS|MMIO Stale Data) CPU bug present and|VMSCAPE:) SMT on", "the file asks for threads, on a processor with those bugs"),
    (r"^amd_pstate: the _CPC object is not present", "a guest has no frequencies to set"),
    (r"^microcode: AMD CPU family 0x[0-9a-f]+ not supported", "the emulator's AMD processor has a family that AMD's never had"),
]


class Report:
    def __init__(self, text):
        self.lines = text.split("\n")

    def all(self, key):
        return [line[len(key) + 2:] for line in self.lines if line.startswith(key + ": ")]

    def one(self, key):
        values = self.all(key)
        return values[0].strip() if values else ""


def last_report(text):
    """The last whole report of a console, or None."""
    found = re.findall(r"^hvcc-report-begin\n(.*?)^hvcc-report-end", text, re.M | re.S)
    return Report(found[-1]) if found else None


def _span(first, count):
    return str(first) if count == 1 else "%d-%d" % (first, first + count - 1)


def _bits(count):
    return math.ceil(math.log2(count)) if count > 1 else 0


def expected_cpus(shape):
    """CPU number -> (numbers with the same package, with the same core, APIC id) for sockets x cores x threads."""
    sockets, cores, threads = shape
    result = {}
    for n in range(sockets * cores * threads):
        thread, core, socket = n % threads, n // threads % cores, n // threads // cores
        apic = (socket << _bits(cores) | core) << _bits(threads) | thread
        package = {socket * cores * threads + i for i in range(cores * threads)}
        result[n] = (package, _span(n - thread, threads), apic)
    return result


def check_topology(report, shape, apic_ids=True):
    """What differs between /sys and sockets x cores x threads."""
    want = expected_cpus(shape)
    problems = []
    if report.one("cpus-online") != _span(0, len(want)):
        problems.append("online: %s, want %s" % (report.one("cpus-online"), _span(0, len(want))))
    if report.one("cpus-possible") != _span(0, len(want)):
        problems.append("possible: %s, want %s" % (report.one("cpus-possible"), _span(0, len(want))))
    packages = {}
    for line in report.lines:
        match = re.match(r"cpu (\d+): package (\S+) die (\S+) core (\S+) threads (\S+) apic (\S*)", line)
        if not match:
            continue
        n = int(match.group(1))
        packages.setdefault(match.group(2), set()).add(n)
        if n not in want:
            problems.append("cpu %d is too many" % n)
            continue
        if match.group(5) != want[n][1]:
            problems.append("cpu %d: threads of its core %s, want %s" % (n, match.group(5), want[n][1]))
        if apic_ids and match.group(6) != str(want[n][2]):
            problems.append("cpu %d: APIC id %s, want %d" % (n, match.group(6), want[n][2]))
    for n, (package, _, _) in want.items():
        if not any(members == package for members in packages.values()):
            problems.append("no package is exactly %s (of cpu %d)" % (sorted(package), n))
            break
    return problems


def _list(text):
    """`0-1,4` as a set of numbers."""
    ends = [part.split("-") for part in text.split(",") if part]
    return {n for part in ends for n in range(int(part[0]), int(part[-1]) + 1)}


def check_caches(report, shape):
    """What differs between /sys's caches and those of every guest: three levels, the last one of a socket."""
    sockets, cores, threads = shape
    want = {}
    for n in range(sockets * cores * threads):
        core = set(range(n - n % threads, n - n % threads + threads))
        first = n - n % (cores * threads)
        for name, members in (("L1 Data 32K", core), ("L1 Instruction 32K", core), ("L2 Unified 512K", core),
                              ("L3 Unified 16384K", set(range(first, first + cores * threads)))):
            want[n, name] = members
    have = {}
    for line in report.lines:
        match = re.match(r"cache (\d+): (.*) shared (\S+)", line)
        if match:
            have[int(match.group(1)), match.group(2)] = _list(match.group(3))
    return ["cache of cpu %d, %s: shared by %s, want %s" % (n, name, sorted(have.get((n, name), [])), sorted(want.get((n, name), [])))
            for n, name in sorted(want.keys() | have.keys()) if have.get((n, name)) != want.get((n, name))]


def check_nodes(report, nodes):
    """What differs between /sys and the nodes of the guest's file; none there: one node with all."""
    problems = []
    have = {}
    for line in report.lines:
        match = re.match(r"node (\d+): cpus (\S*) distance ([\d ]+) memory-kib (\d+)", line)
        if match:
            have[int(match.group(1))] = (_list(match.group(2)), [int(d) for d in match.group(3).split()], int(match.group(4)))
    if sorted(have) != sorted(node["node"] for node in nodes):
        return ["nodes %s, want %s" % (sorted(have), sorted(node["node"] for node in nodes))]
    for node in nodes:
        cpus, distances, kib = have[node["node"]]
        want = [node["distances"][other["node"]] for other in nodes]
        size = int(node["size"].removesuffix("MiB")) * 1024
        if cpus != _list(node["cpus"]) or distances != want:
            problems.append("node %d: cpus %s distances %s, want %s %s" % (node["node"], cpus, distances, node["cpus"], want))
        if not size // 2 <= kib <= size:  # the kernel itself is in one of them
            problems.append("node %d: %d KiB of %s" % (node["node"], kib, node["size"]))
    return problems


def kernel_messages(report):
    """Errors and warnings of the kernel that nobody expects."""
    unexpected = []
    for line in report.all("dmesg"):
        text = re.sub(r"^<\d+>\[ *[\d.]+\] ", "", line)
        if not any(re.search(pattern, text) for pattern, _ in EXPECTED):
            unexpected.append("kernel: " + line)
    return unexpected
