#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""generated/<example>/: what hvcc makes of each example, kept so that a change shows in review. With --write it is made
anew (`make generated`); without, it is compared, as TAP. Kernels that an example takes from build/ are replaced by
stand-ins of a fixed size (kernels.py): what Debian or the compiler updates must not show here."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import kernels

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
hvcc = os.environ.get("HVCC", os.path.join(top, "build/asan/hvcc"))
IASL = "20200925"  # of Debian 12; another version writes other words
VIEWS = ["topology", "memory", "devices", "shares"]


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def stand_in(path, symbols):
    if os.path.basename(path).startswith("initrd"):
        return b"070701" + bytes(1 << 16)
    if path.endswith(".elf"):
        code = kernels.multiboot1(3) + bytes(4096)
        return kernels.elf([(0x100000, code, 8192)], 0x10000c, bits=32)
    if not symbols:
        return kernels.bzimage()
    code = bytes((i * 13) & 0xff for i in range(0x4000))
    vmlinux = kernels.elf([(0x1000000, code, len(code))], 0x1000000)
    places = {name: (0x1001060 + 0x2000 * i, 3600) for i, name in enumerate(symbols)}
    return kernels.bzimage(kernels.with_symbols(vmlinux, places))


def make_stand_ins(text):
    symbols = sorted(set(re.findall(r"kernel:(\w+)", text)))
    for path in re.findall(r"(?:\.\./)+build/[\w./-]+", text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(stand_in(path, symbols))


def have_iasl():
    if not shutil.which("iasl"):
        return False
    return IASL in subprocess.run(["iasl", "-v"], capture_output=True, text=True).stdout


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def disassemble(source, guest, folder):
    tables = tempfile.mkdtemp(dir=".")
    run(hvcc, "acpi", source, "--guest", guest, "-o", tables)
    for aml in sorted(glob.glob(f"{tables}/*.aml")):
        name = os.path.splitext(os.path.basename(aml))[0]
        if name in ("RSDP", "FACS"):
            continue  # no tables of iasl's kind
        run("iasl", "-d", "-p", f"{tables}/{name}", aml)
        with open(f"{tables}/{name}.dsl") as file:
            text = file.read()
        write(f"{folder}/{name}.dsl", re.sub(r"\A/\*.*?\*/\s*", "", text, flags=re.S))


def generate(example, folder):
    """All files of one example, made in a copy of its folder."""
    source = os.path.basename(next(iter(sorted(glob.glob(f"{example}/system.yaml") + glob.glob(f"{example}/guest.yaml"),
                                               reverse=True))))
    for yaml in glob.glob("*.yaml"):
        with open(yaml) as file:
            make_stand_ins(file.read())
    write(f"{folder}/config.yaml", run(hvcc, "config", source))
    run(hvcc, "build", source, "--format", "blob", "-o", "blob")
    write(f"{folder}/listing.txt", run(hvcc, "inspect", "--listing", "blob"))
    for view in VIEWS:
        write(f"{folder}/{view}.svg", run(hvcc, "graph", source, "--view", view))
    if not have_iasl():
        return
    guests = re.findall(r"^; =+ guest (\S+)", run(hvcc, "inspect", "--listing", "blob"), re.M)
    for guest in guests:
        disassemble(source, guest, f"{folder}/acpi" if len(guests) == 1 else f"{folder}/acpi-{guest}")


def generate_all(root):
    for example in sorted(glob.glob(f"{top}/examples/*/")):
        name = os.path.basename(os.path.dirname(example))
        if not glob.glob(f"{example}/system.yaml") + glob.glob(f"{example}/guest.yaml"):
            continue
        with tempfile.TemporaryDirectory() as work:
            shutil.copytree(example, f"{work}/examples/{name}")
            os.chdir(f"{work}/examples/{name}")
            generate(example, f"{root}/{name}")
            os.chdir(top)


def files_of(root):
    return {os.path.relpath(path, root): open(path).read() for path in glob.glob(f"{root}/*/**", recursive=True)
            if os.path.isfile(path)}


def compare():
    with tempfile.TemporaryDirectory() as root:
        generate_all(root)
        made, kept = files_of(root), files_of(f"{top}/generated")
    if not have_iasl():
        kept = {name: text for name, text in kept.items() if not name.endswith(".dsl")}
    names = sorted(set(made) | set(kept))
    print(f"1..{len(names)}")
    for number, name in enumerate(names, 1):
        good = made.get(name) == kept.get(name)
        print(("ok" if good else "not ok") + f" {number} - generated/{name}")
        if not good:
            print("# " + ("differs: `make generated` writes it anew" if name in made and name in kept else
                          "is missing: `make generated`" if name in made else "is left over: remove it"))


if sys.argv[1:] == ["--write"]:
    for old in glob.glob(f"{top}/generated/*/"):
        shutil.rmtree(old)
    generate_all(f"{top}/generated")
else:
    compare()
