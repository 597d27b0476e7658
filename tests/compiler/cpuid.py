#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc cpuid, as TAP: the leaves of a guest with and without a machine, who decided on a bit, and what tells two
machines apart."""
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.path.join(TOP, "build/asan/hvcc")
CAPTURES = os.path.join(TOP, "tests/compiler/captures")
AMD, NUMA, INTEL = (os.path.join(CAPTURES, name + ".yaml") for name in ("qemu-amdvi", "qemu-numa", "qemu-vtd"))

GUEST = """schema: hvcc/guest/v1
name: g
vcpus: { count: 4 }
memory: { size: 64MiB }
boot: { kernel: vmlinuz }
cpu:
  cpuid: |
    base x86-64-v3;
    optional erms;
    when host avx2 { disable movbe; }
    when vcpu = 2..3 { leaf 0x15 { eax = 7; } }
    assert not host.sha-ni or fma;
    disable popcnt;
"""

tests = []


def test(function):
    tests.append(function)
    return function


def hvcc(*arguments, guest=GUEST):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "guest.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(guest)
        run = subprocess.run([HVCC, "cpuid", path, *arguments], capture_output=True, text=True, timeout=120)
    return run.returncode, run.stdout.replace(folder + "/", ""), run.stderr


def good(*arguments, **more):
    code, out, err = hvcc(*arguments, **more)
    assert code == 0, (arguments, code, out, err)
    return out


def leaf(vendor, number, subleaf, *arguments, **more):
    rows = json.loads(good("eval", f"{number:#x}.{subleaf}", "--json", *arguments, **more))[vendor]["leaves"]
    assert len(rows) == 1, rows
    return rows[0]


def machine_register(path, number, subleaf, register):
    import yaml
    with open(path, encoding="utf-8") as file:
        rows = yaml.safe_load(file)["processor"]["cpuid"]
    return next((row.get(register, 0) for row in rows if row["leaf"] == number and row.get("subleaf", 0) == subleaf), 0)


@test
def both_vendors_without_a_machine():
    out = good("show")
    assert out.startswith("intel\n") and "\namd\n" in out, out
    one = leaf("amd", 7, 0)
    assert one["ebx"].startswith("0b") and "k" in one["ebx"], one
    assert "avx2" in one["features"] and "avx512f" not in one["features"], one
    assert leaf("intel", 1, 0)["dynamic"] == "APIC id, OSXSAVE, APIC enabled"


@test
def on_a_machine():
    """Never more than the machine has, but for what the core does."""
    core = {"eax": 0, "ebx": 1 << 1, "ecx": 0, "edx": 0}
    one = leaf("amd", 7, 0, "--host", AMD)
    for register in ("ebx", "ecx", "edx"):
        value = int(one[register], 16)
        assert value & ~(machine_register(AMD, 7, 0, register) | core[register]) == 0, (register, one)
    assert int(one["ebx"], 16) >> 5 & 1, one
    assert "intel" not in good("show", "--host", AMD)


@test
def conditions_follow_machine_and_vcpu():
    assert "movbe" in leaf("amd", 1, 0)["features"]
    assert "movbe" not in leaf("amd", 1, 0, "--host", AMD)["features"]
    assert leaf("amd", 0x15, 0, "--host", AMD)["eax"] == "0x00000000"
    assert leaf("amd", 0x15, 0, "--host", AMD, "--vcpu", "3")["eax"] == "0x00000007"


@test
def why_names_the_place():
    assert "amd    popcnt: off: disable (guest.yaml:13:13)" in good("why", "popcnt"), good("why", "popcnt")
    assert "intel  avx2: where the machine has it: base x86-64-v3 (guest.yaml:8:10)" in good("why", "7.0.ebx[5]")
    out = good("why", "movbe")
    assert "with avx2, vCPUs 0..1: off: disable (guest.yaml:10:30)" in out, out
    assert "never: no processor of that vendor has it" in good("why", "clzero")
    assert "intel  0x15.eax[1]: the machine's: leaf (guest.yaml:11:" in good("why", "0x15.eax[1]"), good("why", "0x15.eax[1]")
    assert "1.eax[3]: the machine's: no feature" in good("why", "1.eax[3]"), good("why", "1.eax[3]")
    assert good("why", "0x33.7.edx[0]").count("no such leaf") == 2
    assert good("why", "sse4.2").count("\n") == 2, good("why", "sse4.2")  # a `when` that changes nothing is not told
    one = json.loads(good("why", "sse4.2", "--json"))
    assert one["amd"]["feature"] == "sse4.2" and one["amd"]["state"] == "where the machine has it", one
    assert "needed by avx2" in good("why", "xsave", guest=GUEST.replace("x86-64-v3", "none").replace("erms", "avx2"))


@test
def machines_compared():
    code, out, err = hvcc("diff", AMD, NUMA)
    assert (code, out) == (0, "0 differences\n"), (code, out, err)
    guest = GUEST.replace("base x86-64-v3", "base host").replace("    disable popcnt;\n", "")
    code, out, err = hvcc("diff", AMD, INTEL, guest=guest)
    assert code == 1 and "differences" in out, (code, out, err)
    code, out, err = hvcc("diff", AMD, INTEL, "--json", guest=guest)
    rows = {row["what"]: row for row in json.loads(out)["differences"]}
    assert code == 1 and "0x0.0 ebx" in rows, rows
    code, out, err = hvcc("diff", AMD, NUMA, guest=GUEST.replace("disable popcnt", "assert not host.aes"))
    assert code == 1 and "refused" in out and "assert not host.aes" in out, out


@test
def refused_machines_are_said():
    guest = GUEST.replace("optional erms", "require avx512f")
    assert "amd: refused, it does not fulfil avx512f" in good("show", "--host", AMD, guest=guest)


@test
def mistakes():
    for arguments, what in [
        (["shw"], "did you mean `show`?"), (["eval"], "show"), (["eval", "x"], "no leaf"), (["eval", "7.0.1"], "no leaf"),
        (["why", "avx22"], "did you mean `avx2`?"), (["why", "7.0.ebx[77]"], "no CPU feature"), (["diff", AMD], "show"),
        (["show", "--vcpu", "4"], "4 vCPU(s)"), (["diff", AMD, os.path.join(TOP, "tests/compiler/cases/system/platforms.yaml")], "CPUID"),
    ]:
        code, out, err = hvcc(*arguments)
        assert code == 2 and what in err and not out, (arguments, code, out, err)
    code, out, err = hvcc("show", "--host", "/no/such/file")
    assert code != 0 and "HV0001" in err, (code, err)
    code, out, err = hvcc("show", guest=GUEST.replace("popcnt", "popcnr"))
    assert code == 1 and "HV0804" in err, (code, err)


print(f"1..{len(tests)}")
failed = False
for number, function in enumerate(tests, 1):
    try:
        function()
        print(f"ok {number} - cpuid: {function.__name__}")
    except Exception as error:  # the next ones still tell something
        failed = True
        print(f"not ok {number} - cpuid: {function.__name__}")
        print("\n".join("# " + line for line in f"{type(error).__name__}: {error}".splitlines()))
    sys.stdout.flush()
sys.exit(failed)
