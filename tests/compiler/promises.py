#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What hvcc promises of its outputs, as lines of TAP: the same bytes from the same input, in whatever folder the tree lies;
no file after an error, a full disk or too little memory; nothing leaked."""

import filecmp
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/boot"))
import machine  # noqa: E402

HELLO = os.path.join(TOP, "examples/hello/guest.yaml")


def hvcc(*arguments, **options):
    return subprocess.run([machine.HVCC, *arguments], capture_output=True, text=True, check=False, **options)


def limited(kind, amount):
    def apply():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(kind, (amount, amount))
    return apply


def same_twice(work):
    """an image is the same when it is built twice"""
    for name in ("a.elf", "b.elf"):
        hvcc("build", HELLO, "-o", os.path.join(work, name))
    return filecmp.cmp(os.path.join(work, "a.elf"), os.path.join(work, "b.elf"), shallow=False) or "they differ"


def same_elsewhere(work):
    """hvcore, hvcc's image and the guest are the same when the tree is built in another folder"""
    tree = os.path.join(work, "a-folder-of-another-name")
    shutil.copytree(TOP, tree, symlinks=True, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    result = subprocess.run(["make", "-s", "all"], cwd=tree, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        return result.stderr[-2000:]
    subprocess.run([os.path.join(tree, "build/hvcc"), "build", os.path.join(tree, "examples/hello/guest.yaml"), "-o",
                    os.path.join(work, "there.elf")], check=True)
    hvcc("build", HELLO, "-o", os.path.join(work, "here.elf"))
    differ = [name for here, name in ((os.path.join(TOP, "build/hvcore.elf"), "build/hvcore.elf"),
                                      (os.path.join(TOP, "build/hello.elf"), "build/hello.elf"))
              if not filecmp.cmp(here, os.path.join(tree, name), shallow=False)]
    if not filecmp.cmp(os.path.join(work, "here.elf"), os.path.join(work, "there.elf"), shallow=False):
        differ.append("the image")
    return not differ or "different: " + ", ".join(differ)


def no_file_after_error(work):
    """after an error in the configuration there is no file, and an older one stays"""
    bad, output = os.path.join(work, "bad.yaml"), os.path.join(work, "kept.elf")
    with open(bad, "w", encoding="utf-8") as file:
        file.write("schema: hvcc/guest/v1\nname: bad\nvcpu: { count: 1 }\n")
    with open(output, "w", encoding="utf-8") as file:
        file.write("older")
    result = hvcc("build", bad, "-o", output)
    with open(output, encoding="utf-8") as file:
        kept = file.read() == "older"
    left = [name for name in os.listdir(work) if name.startswith("kept.elf") and name != "kept.elf"]
    return (result.returncode == 1 and kept and not left) or "exit %d, kept %s, left %s" % (result.returncode, kept, left)


def full_disk(work):
    """on a full disk: exit 3, and no part of a file"""
    place = os.path.join(work, "full")
    os.mkdir(place)
    result = hvcc("build", HELLO, "-o", os.path.join(place, "image.elf"), preexec_fn=limited(resource.RLIMIT_FSIZE, 10000))
    left = os.listdir(place)
    return (result.returncode == 3 and not left) or "exit %d, left %s\n%s" % (result.returncode, left, result.stderr)


def no_memory(work):
    """without memory: exit 3, and no part of a file"""
    place = os.path.join(work, "memory")
    os.mkdir(place)
    big = os.path.join(work, "big.yaml")
    with open(big, "w", encoding="utf-8") as file:
        file.write("schema: hvcc/guest/v1\nname: big\nmemory: { size: 2GiB }\nboot:\n  kernel: %s\n  modules: [ { path: big.bin } ]\n" %
                   os.path.join(TOP, "build/hello.elf"))
    with open(os.path.join(work, "big.bin"), "wb") as file:
        file.truncate(512 << 20)
    result = hvcc("build", big, "-o", os.path.join(place, "image.elf"), preexec_fn=limited(resource.RLIMIT_AS, 48 << 20))
    left = os.listdir(place)
    return (result.returncode == 3 and not left) or "exit %d, left %s\n%s" % (result.returncode, left, result.stderr)


def leaks(work):
    """hvcc leaks nothing and reads nothing unset (valgrind)"""
    image = os.path.join(work, "leak.elf")
    bad = os.path.join(TOP, "tests/compiler/cases")
    cases = sorted(os.path.join(path, name) for path, _, names in os.walk(bad) for name in names if name.endswith(".yaml"))[::12]
    commands = [["check", HELLO], ["build", HELLO, "-o", image], ["config", HELLO], ["inspect", image], ["inspect", "--json", image],
                ["acpi", HELLO, "-o", os.path.join(work, "acpi")], ["explain"], ["schema", "guest"], ["version"]]
    commands += [["check", case] for case in cases]
    problems = []
    for command in commands:
        result = subprocess.run(["valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible",
                                 "--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=99", machine.HVCC] + command,
                                capture_output=True, text=True, check=False)
        if result.returncode == 99:
            problems.append("hvcc %s\n%s" % (" ".join(command), result.stderr[-1500:]))
    return not problems or "\n".join(problems)


def main():
    tap = machine.Tap()
    with tempfile.TemporaryDirectory(prefix="promises.", dir=machine.BUILD) as work:
        for promise in (same_twice, same_elsewhere, no_file_after_error, full_disk, no_memory, leaks):
            result = promise(work)
            tap.line(result is True, promise.__doc__, "" if result is True else str(result))
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
