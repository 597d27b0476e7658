#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that a program can look at, as lines of TAP: layers, headers that stand alone, licence lines,
no conditional compilation in .c files of the core, assembly only where it belongs. Sizes are printed, not judged."""

import concurrent.futures
import os
import re
import statistics
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests/boot"))
import machine  # noqa: E402

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def sources(*folders, endings=(".c", ".h", ".S", ".def", ".l", ".y")):
    found = []
    for folder in folders:
        for path, _, files in os.walk(os.path.join(TOP, folder)):
            found += [os.path.relpath(os.path.join(path, name), TOP) for name in files if name.endswith(endings)]
    return sorted(found)


def text_of(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def read_layers():
    core, compiler, exceptions = {}, {}, set()
    for line in text_of("tests/style/layers.txt").splitlines():
        words = line.replace(":", " ").split()
        if not words or line.startswith("#"):
            continue
        if words[0] == "core":
            core[words[1]] = int(words[2])
        elif words[0] == "compiler":
            compiler[words[1]] = words[2:]
        elif words[0] == "except":
            exceptions.add((words[1], words[2]))
    return core, compiler, exceptions


def check_layers():
    """folders include only what stands below them"""
    core, compiler, exceptions = read_layers()
    bad = []
    for path in sources("core", "compiler"):
        top, folder = path.split("/")[:2]
        known = core if top == "core" else compiler
        if folder not in known:
            bad.append("%s: folder %s is not in layers.txt" % (path, folder))
            continue
        for name in INCLUDE.findall(text_of(path)):
            target = name.split("/")[0]
            if target == folder or (path, target) in exceptions or "/" not in name or target == "schema":
                continue
            if top == "core":
                allowed = target in core and core[target] < core[folder]
            else:
                allowed = target in compiler and (compiler[folder] == ["*"] or target in ["base", "diag", "model"] + compiler[folder])
            if not allowed:
                bad.append("%s includes %s" % (path, name))
    return bad


def check_contracts():
    """the core and the compiler share schema/ and nothing else, and nothing includes tests/"""
    bad = []
    for path in sources("core", "compiler", "schema"):
        for name in INCLUDE.findall(text_of(path)):
            if name.split("/")[0] in ("core", "compiler", "tests", "..", "generated"):
                bad.append("%s includes %s" % (path, name))
    return bad


def check_headers():
    """each header compiles alone"""
    def compile_one(path):
        command = ["gcc", "-std=gnu11", "-fsyntax-only", "-Wall", "-Wno-unused-function", "-x", "c", "-D_GNU_SOURCE", "-I.",
                   "-Ibuild/generated"]
        command += ["-Icore", "-ffreestanding"] if path.startswith(("core", "schema")) else ["-Icompiler"]
        result = subprocess.run(command + [path], cwd=TOP, capture_output=True, text=True, check=False)
        return "%s\n%s" % (path, result.stderr[:600]) if result.returncode else None

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [bad for bad in pool.map(compile_one, sources("core", "compiler", "schema", endings=(".h",))) if bad]


def check_licence():
    """each source file begins with its licence"""
    return [path for path in sources("core", "compiler", "schema", "tests", "examples")
            if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(text_of(path).split("\n", 2)[:2])]


def check_conditions():
    """no #if in .c files of the core"""
    return [path for path in sources("core", endings=(".c",)) if re.search(r"^\s*#\s*if", text_of(path), re.M)]


def check_assembly():
    """inline assembly of the core stands in core/x86"""
    return [path for path in sources("core", endings=(".c", ".h"))
            if not path.startswith("core/x86/") and re.search(r"\b(__asm__|asm)\b\s*(volatile)?\s*\(", text_of(path))]


def function_lengths(path):
    """Lines of each function body: from a `{` in the first column to its `}`."""
    lengths, start = [], None
    for number, line in enumerate(text_of(path).split("\n")):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            lengths.append(number - start - 1)
            start = None
    return lengths


def print_sizes():
    for top in ("core", "compiler"):
        files = sources(top, endings=(".c", ".h", ".S", ".l", ".y", ".def"))
        lines = {path: text_of(path).count("\n") for path in files}
        lengths = sorted(length for path in files for length in function_lengths(path))
        if not lengths:
            continue
        print("# %s: %d files, %d lines; functions: median %d lines, nine of ten up to %d, longest %d" %
              (top, len(files), sum(lines.values()), statistics.median(lengths), lengths[len(lengths) * 9 // 10], lengths[-1]))
        for path in sorted(lines, key=lines.get)[-3:]:
            print("#   %d %s" % (lines[path], path))


def main():
    tap = machine.Tap()
    for check in (check_layers, check_contracts, check_headers, check_licence, check_conditions, check_assembly):
        bad = check()
        tap.line(not bad, check.__doc__, "\n".join(bad))
    print_sizes()
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
