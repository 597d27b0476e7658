#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hvcc probe, as TAP: captured machines (tests/compiler/captures/, made by capture.py), this machine, and trees that lack or
damage one thing each. Whatever the tree, there is a document, and `hvcc check` takes it."""
import gzip
import hashlib
import io
import os
import random
import re
import struct
import subprocess
import sys
import tarfile
import tempfile

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HVCC = os.environ.get("HVCC", os.path.join(TOP, "build/asan/hvcc"))
CAPTURES = os.path.join(TOP, "tests/compiler/captures")
MACHINES = ("this", "qemu-numa", "qemu-vtd", "qemu-amdvi")

tests = []


def test(function):
    tests.append(function)
    return function


def hvcc(*arguments, **more):
    return subprocess.run([HVCC, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                          check=False, **more)


def equal(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def capture(name):
    return os.path.join(CAPTURES, name + ".tar.gz")


def sound(text, what=""):
    """The document has no errors, its hash is that of its other lines, and all that was noted is in it as a comment."""
    equal(text.splitlines()[-1], b"hash: " + hashlib.sha256(text[:text.rindex(b"hash: ")]).hexdigest().encode(), what)
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(text)
        file.flush()
        run = hvcc("check", "-W", "error", file.name)
    equal((run.returncode, re.findall(rb"^(?:error|warning)", run.stderr, re.M)), (0, []), f"{what} {run.stderr.decode()}")
    return yaml.safe_load(text)


def probe(*arguments, what=""):
    run = hvcc("probe", *arguments)
    equal(run.returncode, 0, f"{what} {run.stderr.decode()}")
    notes = re.findall(rb"^note\[HV1101\]: (.*)", run.stderr, re.M)
    comments = re.findall(rb"^# (\S+: .*)", run.stdout, re.M)
    equal(sorted(set(notes)), sorted(set(comments)), what)
    assert not re.search(rb"^(error|warning)", run.stderr, re.M), run.stderr
    return run.stdout


def extract(name, folder):
    with tarfile.open(capture(name)) as archive:
        archive.extractall(folder)


def load(name):
    with open(os.path.join(CAPTURES, name + ".yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)


@test
def captures_give_what_they_gave():
    for name in MACHINES:
        path = os.path.join(CAPTURES, name + ".yaml")
        text = probe("--name", name, "--from-tar", capture(name), what=name)
        sound(text, name)
        if os.environ.get("BLESS"):
            with open(path, "wb") as file:
                file.write(text)
        with open(path, "rb") as file:
            equal(text.decode(), file.read().decode(), name)
        assert os.path.getsize(capture(name)) < 300 << 10, name


@test
def same_from_folder_and_archives():
    """The form of the capture does not matter: a folder, a plain archive, one with ./ before the names."""
    for name in MACHINES:
        want = probe("--from-tar", capture(name))
        with tempfile.TemporaryDirectory() as folder:
            tree, plain, dotted = (os.path.join(folder, part) for part in ("tree", "plain.tar", "dotted.tar"))
            extract(name, tree)
            with gzip.open(capture(name)) as packed, open(plain, "wb") as file:
                file.write(packed.read())
            subprocess.run(["tar", "-cf", dotted, "-C", tree, "."], check=True)
            for arguments in (["--root", tree], ["--from-tar", plain], ["--from-tar", dotted]):
                equal(probe(*arguments), want, (name, arguments))
            again = os.path.join(folder, "again.tar.gz")
            equal(hvcc("probe", "--root", tree, "--collect", again).stdout, b"", name)
            with open(again, "rb") as first, open(capture(name), "rb") as second:
                equal(gzip.decompress(first.read()), gzip.decompress(second.read()), name)


@test
def numa_and_nvdimm():
    """The command line of QEMU in capture.py says what must be found."""
    machine = load("qemu-numa")
    equal([cpu["node"] for cpu in machine["cpus"]], [0, 0, 1, 1])
    equal([cpu["package"] for cpu in machine["cpus"]], [0, 0, 1, 1])
    equal([node["distances"] for node in machine["nodes"]], [[10, 17], [17, 10]])
    equal([sum(int(r["size"][:-3]) << {"K": 10, "M": 20}[r["size"][-3]] for r in node["memory"]) for node in machine["nodes"]],
          [(384 << 20) - (384 << 10), 640 << 20])
    equal(machine["pmem"], [{"base": 1 << 32, "size": "256MiB", "node": 1}])
    equal((machine["iommus"], machine["processor"]["vendor"], machine["processor"]["family"]), ([], "amd", 25))
    equal(machine["serial"], [{"io": 0x3f8, "irq": 4}, {"io": 0x2f8, "irq": 3}])
    equal(machine["ecam"], [{"base": 0xb0000000, "segment": 0, "first-bus": 0, "last-bus": 255}])


@test
def vtd():
    machine = load("qemu-vtd")
    equal([(cpu["core"], cpu["apic-id"]) for cpu in machine["cpus"]], [(0, 0), (0, 1), (1, 2), (1, 3)])
    unit, = machine["iommus"]
    equal((unit["kind"], unit["base"], unit["interrupt-remapping"]), ("vt-d", 0xfed90000, True))
    pci = {function["address"]: function for function in machine["pci"]}
    equal(set(unit["devices"]), {address for address in pci if address.startswith("0000:00")})
    equal((pci["0000:00:05.0"]["id"], pci["0000:00:05.1"]["id"]), ("8086:10d3", "8086:10d3"))
    assert pci["0000:00:05.0"]["group"] != pci["0000:00:05.1"]["group"], pci
    equal(pci["0000:00:1f.0"]["group"], pci["0000:00:1f.3"]["group"])
    equal((pci["0000:00:01.0"]["kind"], pci["0000:00:01.0"]["driver"]), ("bridge", "pcieport"))
    leaf = next(leaf for leaf in machine["processor"]["cpuid"] if leaf["leaf"] == 0)
    equal(struct.pack("<III", leaf["ebx"], leaf["edx"], leaf["ecx"]), b"GenuineIntel")


@test
def amdvi():
    machine = load("qemu-amdvi")
    unit, = machine["iommus"]
    equal((unit["kind"], unit["base"], unit["address"]), ("amd-vi", 0xfed80000, "0000:00:01.0"))
    equal(sorted(unit["devices"]), [function["address"] for function in machine["pci"]])


def tree_of(files):
    """An archive of the given paths."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
                data = b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def files_of(name):
    files = {}
    with tarfile.open(capture(name)) as archive:
        for member in archive:
            files[member.name] = member.linkname if member.issym() else archive.extractfile(member).read()
    return files


def probe_files(files, what=""):
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(tree_of(files))
        file.flush()
        text = probe("--from-tar", file.name, what=what)
    return sound(text, what)


@test
def links_of_a_whole_sys():
    """What `tar` makes of a real /sys: functions are links, paths are longer than 100 characters, files end in zeros."""
    files, moved = files_of("qemu-vtd"), {}
    deep = "devices/pci0000:00/" + "/".join(f"0000:{n:02x}:00.0" for n in range(12))
    for path, data in files.items():
        match = re.match(r"sys/bus/pci/devices/([^/]+)/(.*)", path)
        if match:
            moved[f"sys/bus/pci/devices/{match[1]}"] = f"../../../{deep}/{match[1]}"
            moved[f"sys/{deep}/{match[1]}/{match[2]}"] = data
        else:
            moved["./" + path] = data if isinstance(data, str) or "tables" in path else data + bytes(100)
    equal(probe_files(moved), probe_files(files))


@test
def nothing_is_there():
    for files in ({}, {"proc/version": b"Linux"}, {"proc/cpuinfo": b"\n\n\n"}):
        with tempfile.TemporaryDirectory() as folder:
            for path, data in files.items():
                os.makedirs(os.path.dirname(os.path.join(folder, path)))
                with open(os.path.join(folder, path), "wb") as file:
                    file.write(data)
            machine = sound(probe("--root", folder), files)
        equal(sorted(machine), ["hash", "name", "probe", "schema"], files)


@test
def one_thing_less():
    """Each file of a capture is missing once."""
    for name in ("qemu-numa", "qemu-vtd"):
        files = files_of(name)
        kinds = {re.sub(r"\d+|0000:[^/]*", "N", path): path for path in files}
        for gone in kinds.values():
            probe_files({path: data for path, data in files.items() if path != gone}, gone)


@test
def without_cpuid():
    files = files_of("qemu-vtd")
    del files["hvcc/cpuid"]
    machine, whole = probe_files(files), load("qemu-vtd")
    for key in ("vendor", "brand", "family", "model", "stepping", "physical-bits", "linear-bits"):
        equal(machine["processor"][key], whole["processor"][key], key)
    assert {"vmx", "sse4_2", "smap"} - {"vmx"} <= set(machine["processor"]["flags"].split()), machine["processor"]["flags"]
    equal(machine["cpus"], whole["cpus"])


@test
def without_tables():
    """So it looks without root."""
    files = {path: data for path, data in files_of("qemu-vtd").items() if "acpi/tables" not in path}
    machine, whole = probe_files(files), load("qemu-vtd")
    equal(machine["cpus"], whole["cpus"])
    equal(machine["pci"], whole["pci"])
    assert not {"iommus", "pmem", "s5-type", "nodes"} & set(machine), machine


@test
def memory_from_iomem():
    files = {path: data for path, data in files_of("qemu-numa").items() if "memmap" not in path}
    files["proc/iomem"] = (b"00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n00100000-3fffffff : System RAM\n"
                           b"  01000000-02206447 : Kernel code\nb0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
                           b"100000000-10fffffff : Persistent Memory\n")
    equal(probe_files(files)["memory"],
          [{"base": 0, "size": "4KiB", "kind": "reserved"}, {"base": 0x1000, "size": "635KiB", "kind": "ram"},
           {"base": 0x100000, "size": "1023MiB", "kind": "ram"}, {"base": 1 << 32, "size": "256MiB", "kind": "pmem"}])
    files["proc/iomem"] = b"00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n"
    assert "memory" not in probe_files(files)


@test
def overlaps_of_firmware():
    files = {}
    for i, (first, last, kind) in enumerate([(0, 0x1fffff, b"System RAM"), (0x100000, 0x1fffff, b"Reserved"),
                                             (0x180000, 0x3fffff, b"System RAM"), (0x300000, 0x30ffff, b"System RAM")]):
        for key, value in (("start", b"0x%x\n" % first), ("end", b"0x%x\n" % last), ("type", kind + b"\n")):
            files[f"sys/firmware/memmap/{i}/{key}"] = value
    equal(probe_files(files)["memory"],
          [{"base": 0, "size": "1MiB", "kind": "ram"}, {"base": 0x100000, "size": "1MiB", "kind": "reserved"},
           {"base": 0x200000, "size": "2MiB", "kind": "ram"}])


def table(signature, body):
    data = bytearray(signature + struct.pack("<IBB6s8sI4sI", 36 + len(body), 1, 0, b"TEST", b"TEST", 1, b"TEST", 1) + body)
    data[9] = -sum(data) & 0xff
    return bytes(data)


@test
def reserved_by_devices():
    """RMRR behind a bridge, IVMD for one and for all, EPC sections: what QEMU's tables do not have."""
    files, tables = files_of("qemu-vtd"), "sys/firmware/acpi/tables/"
    scope = struct.pack("<BBHBBBBBB", 1, 10, 0, 0, 0, 1, 0, 0, 0)  # over the root port 1.0 to function 0.0
    rmrr = struct.pack("<HHHHQQ", 1, 24 + len(scope), 0, 0, 0x10000000, 0x100fffff) + scope
    drhd = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xfed90000)
    files[tables + "DMAR"] = table(b"DMAR", struct.pack("<BB10x", 38, 1) + drhd + rmrr)
    files["hvcc/cpuid"] += b"12 0 3 0 0 0\n12 2 70200001 0 5d80001 0\n12 3 1 2 10000001 0\n"
    machine = probe_files(files)
    equal(machine["reserved"], [{"base": 0x10000000, "size": "1MiB", "by": "rmrr", "devices": ["0000:01:00.0"]}])
    equal(machine["iommus"], [{"kind": "vt-d", "base": 0xfed90000, "all": True, "interrupt-remapping": True}])
    equal(machine["epc"], [{"base": 0x70200000, "size": "95744KiB"}, {"base": 0x200000000, "size": "256MiB"}])
    del files[tables + "DMAR"]
    one = struct.pack("<BBHHHQQQ", 0x21, 8, 32, 0x0028, 0, 0, 0x20000000, 0x1000)
    everyone = struct.pack("<BBHHHQQQ", 0x20, 8, 32, 0, 0, 0, 0x30000000, 0x2000)
    files[tables + "IVRS"] = table(b"IVRS", bytes(12) + one + everyone)
    equal(probe_files(files)["reserved"], [{"base": 0x20000000, "size": "4KiB", "by": "ivmd", "devices": ["0000:00:05.0"]},
                                           {"base": 0x30000000, "size": "8KiB", "by": "ivmd"}])


@test
def many_nodes_and_cpus():
    """Proximity domains that do not count from 0, and x2APIC entries."""
    files, tables = files_of("qemu-numa"), "sys/firmware/acpi/tables/"
    ids = [1000 + 3 * i for i in range(600)]
    files[tables + "APIC"] = table(b"APIC", struct.pack("<II", 0xfee00000, 1) + b"".join(
        struct.pack("<BBHIII", 9, 16, 0, apic, 1, i) for i, apic in enumerate(ids)))
    files[tables + "SRAT"] = table(b"SRAT", bytes(12) + b"".join(
        struct.pack("<BBHIIII4x", 2, 24, 0, 7 - 2 * (i % 4), apic, 1, 0) for i, apic in enumerate(ids)))
    files[tables + "SLIT"] = table(b"SLIT", struct.pack("<Q", 8) + bytes(
        10 if i == j else 20 + abs(i - j) for i in range(8) for j in range(8)))
    machine = probe_files(files)
    equal([cpu["apic-id"] for cpu in machine["cpus"]], ids)
    equal([cpu["node"] for cpu in machine["cpus"]], [3 - i % 4 for i in range(600)])
    equal(machine["nodes"][0]["distances"], [10, 22, 24, 26])


@test
def damaged():
    """Bytes are wrong or missing: still a document without errors, and never a crash."""
    chance = random.Random(1)
    names = {name: files_of(name) for name in MACHINES}
    for turn in range(120):
        files = dict(names[MACHINES[turn % 4]])
        for _ in range(chance.randrange(1, 8)):
            path = chance.choice(sorted(files))
            data = files[path]
            if isinstance(data, str) or not data:
                continue
            at = chance.randrange(len(data))
            if chance.random() < 0.3:
                data = data[:at]
            else:
                data = data[:at] + chance.choice([b"\xff", b"\0", b"-", b"9" * 20, bytes(40)]) + data[at + 1:]
            files[path] = data
        probe_files(files, turn)


@test
def bad_archives():
    with open(capture("this"), "rb") as file:
        packed = file.read()
    whole = gzip.decompress(packed)
    for data, what in [(b"", "is no tar archive"), (b"text\n" * 300, "is no tar archive"), (bytes(1024), "is no tar archive"),
                       (packed[:-20], "is damaged"), (whole[:700], "ends in the middle of a file"),
                       (tree_of({"a": b"x"})[:1024] + b"x" * 512, "is damaged"),
                       (gzip.compress(bytes(65 << 20)), "is too large")]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            run = hvcc("probe", "--from-tar", file.name)
        equal((run.returncode, run.stdout), (3, b""), what)
        assert what.encode() in run.stderr, (what, run.stderr)


@test
def links_stay_inside():
    """A captured tree says nothing of the machine it is read on."""
    with tempfile.TemporaryDirectory() as folder:
        os.symlink("/proc", os.path.join(folder, "proc"))
        os.symlink("../../../../../../sys", os.path.join(folder, "sys"))
        machine = sound(probe("--root", folder))
        equal(sorted(machine), ["hash", "name", "probe", "schema"])
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "proc"))
        os.mkfifo(os.path.join(folder, "proc/cpuinfo"))
        probe("--root", folder)


@test
def this_machine():
    """Twice the same, and the same again from what was collected."""
    with tempfile.TemporaryDirectory() as folder:
        archive, first, second = (os.path.join(folder, name) for name in ("t.tar", "1.yaml", "2.yaml"))
        equal(hvcc("probe", "--collect", archive, "-o", first).returncode, 0)
        equal(hvcc("probe", "-o", second).returncode, 0)
        with open(first, "rb") as file:
            text = file.read()
        with open(second, "rb") as file:
            equal(file.read(), text)
        equal(probe("--from-tar", archive), text)
    machine = sound(text)
    if os.access("/proc/cpuinfo", os.R_OK):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            brand = re.search(r"model name\s*: (.*)", file.read())
        equal(machine["processor"]["brand"], brand[1].strip())


@test
def this_machine_without_root():
    if os.getuid():
        return
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "hvcc")
        os.chmod(folder, 0o755)
        with open(HVCC, "rb") as source, open(program, "wb") as copy:
            copy.write(source.read())
        os.chmod(program, 0o755)
        run = subprocess.run([program, "probe"], capture_output=True, user="nobody", group="nogroup", extra_groups=[], check=False)
    equal(run.returncode, 0, run.stderr)
    machine = sound(run.stdout)
    assert {"processor", "cpus"} <= set(machine), machine


@test
def still_true():
    """--compare: facts count, not names, kernels and comments; the first difference is shown where it is."""
    with open(os.path.join(CAPTURES, "qemu-vtd.yaml"), "rb") as file:
        text = file.read()
    for old, new, where in [(b"", b"", None), (b"name: qemu-vtd", b"name: other", None), (b"schema:", b"# by hand\nschema:", None),
                            (b"6.1.0", b"6.2.0", None), (b"core: 1 }\n", b"core: 2 }\n", b"core: 2"),
                            (b"s5-type: 0", b"s5-type: 5", b"s5-type: 5"), (b"epc: []\n", b"", b"s5-type"),
                            (b"hash:", b"extra: 1\nhash:", b"extra: 1")]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(text.replace(old, new, 1) if old else text)
            file.flush()
            run = hvcc("probe", "--from-tar", capture("qemu-vtd"), "--compare", file.name)
        equal((run.returncode, run.stdout), (1 if where else 0, b""), (old, run.stderr))
        shown = re.search(rb"error\[HV1102\].*\n.*\n *\d+ \xe2\x94\x82 (.*)", run.stderr)
        assert not shown if where is None else where in shown[1], run.stderr
    equal(hvcc("probe", "--from-tar", capture("this"), "--compare", os.path.join(CAPTURES, "qemu-vtd.yaml")).returncode, 1)


@test
def command_line():
    with tempfile.TemporaryDirectory() as folder:
        for want, arguments in [(2, ["--root", "/", "--from-tar", capture("this")]), (2, ["--name", "1x"]), (2, ["--name", ""]), (2, ["--compare", "a", "-o", "b"]),
                                (3, ["--root", folder, "--compare", "/no/such"]),
                                (2, ["extra"]), (3, ["--root", "/no/such"]), (3, ["--from-tar", "/no/such"]),
                                (3, ["--root", folder, "-o", "/no/such/file"]), (3, ["--root", folder, "--collect", "/no/such/file"])]:
            run = hvcc("probe", *arguments)
            equal((run.returncode, run.stdout), (want, b""), arguments)
        equal(yaml.safe_load(probe("--root", folder, "--name", "box.7"))["name"], "box.7")


def main():
    chosen = [t for t in tests if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        try:
            function()
            print(f"ok {number} - probe: {function.__name__}", flush=True)
        except Exception as error:  # an assertion, or what could not be read
            failed = True
            print(f"not ok {number} - probe: {function.__name__}")
            print("# " + f"{type(error).__name__}: {error}"[:3000].replace("\n", "\n# "), flush=True)
    sys.exit(failed)


main()
