#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc audit: sound images pass; each overlap put into the binary by hand (its hash made good) is found. TAP."""
import json
import os
import subprocess
import sys
import tempfile

from blobs import Blob

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
hvcc = os.environ.get("HVCC", os.path.join(top, "build/asan/hvcc"))
NONE = 0xffffffff
UART, RTC, IOAPIC, ACPI_PM = 6, 5, 1, 7

TWO = """schema: hvcc/system/v1
guests:
  - name: left
    vcpus: { count: 2, pin: { 0: 0, 1: 1 } }
    memory: { size: 4MiB }
    boot: { kernel: kernel, protocol: raw, raw: { load-address: 0x8000, entry: 0x8000 } }
    devices: { serial: [ { id: com1 } ] }
  - name: right
    vcpus: { count: 2, pin: { 0: 2, 1: 3 } }
    memory: { size: 4MiB }
    boot: { kernel: kernel, protocol: raw, raw: { load-address: 0x8000, entry: 0x8000 } }
    devices: { serial: [ { id: com1 } ] }
"""
SHARES = """shmem-regions: [ { name: board, size: 64KiB, members: { left: read-write, right: read-only } },
                 { name: own, size: 64KiB, members: { left: read-write } } ]
"""
BOARD = " } ], shmem: [ { id: board, region: board, model: window, gpa: 0x80000000, access: read-"
OWN = "write }, { id: own, region: own, model: window, gpa: 0x80010000 } ] }"


def frames(blob):
    for region, host in ((0, 0x40000000), (1, 0x40001000)):
        blob.put("regions", region, 16, host, "<Q")
        blob.put("regions", region, 33, 2, "<B")  # backing: fixed


def same_frames_called_shared(blob):
    frames(blob)
    for region in (0, 1):
        blob.put("regions", region, 32, 3, "<B")  # kind: shared


def other_share(blob):
    blob.put("regions", 4, 44, 1)


def more_rights(blob):
    blob.put("regions", 4, 34, 3, "<B")


def memory(blob):  # a region of the guest over its IOAPIC
    blob.put("regions", 0, 8, 0x100000000, "<Q")


def registers(blob):  # one chip over another
    blob.put("devices", blob.find("devices", 0, IOAPIC), 16, 0xfee00000, "<Q")


def ports(blob):
    blob.put("devices", blob.find("devices", 0, UART), 16, 0x70, "<Q")


def interrupts(blob):
    blob.put("devices", blob.find("devices", 0, UART), 12, 8)


def cpus(blob):
    blob.put("vcpus", 2, 12, 1)


def apic_ids(blob):
    blob.put("vcpus", 1, 8, 0)


def msr_numbers(blob):
    blob.put("msrs", 1, 0, blob.get("msrs", 0, 0))


def msr_slots(blob):
    stored = [i for i in range(blob.count("msrs")) if blob.get("msrs", i, 8, "<B") == 2]
    blob.put("msrs", stored[1], 12, blob.get("msrs", stored[0], 12))


def msr_passed(blob):  # HWCR of the machine for the guest
    blob.put("msrs", blob.find("msrs", 0, 0xc0010015), 8, 1, "<B")


def load_outside(blob):
    blob.put("loads", 0, 0, 0x800000, "<Q")


def loads_overlap(blob):
    blob.put("loads", 1, 0, blob.get("loads", 0, 0, "<Q"), "<Q")


def stolen_region(blob):  # both guests own record 0
    blob.put("guests", 1, 24, 0)


def stolen_vcpus(blob):
    blob.put("guests", 1, 16, 1)


def host_ports(blob):  # the core's console over its debug-exit port
    blob.put("system", 0, 8, blob.get("system", 0, 8) | 2)
    blob.put("system", 0, 18, 0x3f8, "<H")


def beyond(blob):
    blob.put("guests", 0, 72, 20)


CASES = [
    (frames, "frames 0x40001000-0x40400fff of right"), (same_frames_called_shared, "frames 0x40001000"),
    (memory, "(ioapic) overlaps 0x0-0xffffffff of left"), (registers, "memory 0xfee00000-0xfee00fff of left"),
    (ports, "ports 0x70-0x77"), (interrupts, "interrupt 8 of left"), (cpus, "host CPU 1 of right"),
    (apic_ids, "APIC id 0 of left (vCPU 1)"), (msr_numbers, "MSRs "), (msr_slots, "MSR slots "),
    (msr_passed, "MSR 0xc0010015 of the host"), (load_outside, "is not within its memory"),
    (loads_overlap, "loaded "), (stolen_region, "pool+0x0-0x3fffff of right"),
    (stolen_vcpus, "belongs to another guest"), (host_ports, "host ports 0x3f8"), (beyond, "beyond its 20 address bits"),
]
SHARE_CASES = [(other_share, "guest right: it has the share own at 0x80000000"), (more_rights, "guest right: it has the share board")]
number = 0


def ok(good, what, detail=""):
    global number
    number += 1
    print(("ok" if good else "not ok") + f" {number} - {what}")
    if not good:
        print("# " + detail.replace("\n", "\n# "))


def audit(path, *options):
    return subprocess.run([hvcc, "audit", *options, path], capture_output=True, text=True)


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        with open("kernel", "wb") as file:
            file.write(b"\xeb\xfe" * 64)
        with open("two.yaml", "w") as file:
            file.write(TWO)
        subprocess.run([hvcc, "build", "two.yaml", "--format", "blob", "-o", "blob"], check=True)
        run = audit("blob")
        ok(run.returncode == 0 and " 0 findings" in run.stdout, "a sound system has no finding", run.stdout)
        ok("console of the core" in run.stdout, "the shared console is listed", run.stdout)
        head, left, right = TWO.split(" } ] }\n")[0], *TWO.split(" } ] }\n")[1:]
        with open("shares.yaml", "w") as file:
            file.write(head + BOARD + OWN + "\n" + left + BOARD + "only } ] }\n" + right + SHARES)
        subprocess.run([hvcc, "build", "shares.yaml", "--format", "blob", "-o", "shares"], check=True, stderr=subprocess.DEVNULL)
        run = audit("shares")
        ok(run.returncode == 0 and run.stdout.count("share board, read-") == 2, "a declared share is no finding", run.stdout)
        for patch, words in CASES + SHARE_CASES:
            blob = Blob("shares" if (patch, words) in SHARE_CASES else "blob")
            patch(blob)
            blob.write("patched")
            run = audit("patched")
            found = [line for line in run.stdout.split("\n") if line.startswith("finding:")]
            ok(run.returncode == 1 and any(words in line for line in found), f"found: {patch.__name__}",
               f"exit {run.returncode}\n" + "\n".join(found) + run.stderr)
            run = audit("patched", "--json")
            report = json.loads(run.stdout)
            ok(run.returncode == 1 and any(words in f["message"] for f in report["findings"]),
               f"found in JSON: {patch.__name__}", run.stdout[-400:])
        if os.path.exists(f"{top}/build/hvcore.elf"):
            build = subprocess.run([hvcc, "build", "two.yaml", "-o", "image", "--core", f"{top}/build/hvcore.elf"], check=True)
            run = audit("image", "--json")
            ok(build.returncode == 0 and run.returncode == 0 and run.stdout == audit("blob", "--json").stdout,
               "an image is audited as its blob", run.stderr)
        else:
            ok(True, "an image is audited as its blob # SKIP no build/hvcore.elf")
        run = audit("two.yaml")
        ok(run.returncode == 1 and "holds no blob" in run.stderr, "a YAML file is no image", run.stderr)
        run = audit("nothing")
        ok(run.returncode == 3, "a file that is not there")
        print(f"1..{number}")


main()
