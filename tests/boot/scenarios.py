#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Things that happen over time: ends and restarts of guests, a neighbour's death, other ways to boot.

    tests/boot/scenarios.py [--jobs N] [NAME...]

Each is a function below; its first line of text is the line of TAP. A function that returns has passed.
"""

import argparse
import concurrent.futures
import json
import os
import re
import socket
import struct
import subprocess
import sys

import yaml

import guests
import linux
import machine
import report as reports
from machine import Failure

PLAIN = {"cpus": 1, "apic": "x2apic", "pv": "kvm"}
LINUX = {"kernel": "6.1-cloud", "shape": "1x1x2", "nodes": "flat", "apic": "x2apic", "pv": "kvm", "start": "bzimage", "emulator": "qemu-7"}


def directory(name):
    path = os.path.join(machine.BUILD, "boot", "scenario-" + name)
    os.makedirs(path, exist_ok=True)
    return path


def system(name, documents, cpus, emulator="qemu-7", memory=512, icount=False, **options):
    """A system of these guests, running; without the host's debug exit, so that the core decides when the machine ends."""
    place = directory(name)
    image = os.path.join(place, "image.elf")
    options.setdefault("debug-exit", 0xF4)
    machine.hvcc_build(guests.write_system(place, documents, **options), image)
    return guests.start(emulator, image, cpus, place, memory=memory, icount=icount, limit=guests.LIMIT * (4 if icount else 1))


def power_guest(word, **keys):
    tree = guests.document("power", PLAIN, "end=" + word)
    tree.update(keys)
    return tree


def quiet(tree):
    """The guest with a serial port that leads nowhere, so that its lines do not mix with another's."""
    tree["devices"]["serial"][0]["backend"] = "none"
    return tree


def require(condition, text):
    if not condition:
        raise Failure(text)


def finish_poweroff(vm):
    status = vm.finish()
    require(vm.powered_off(), "the machine did not power off: exit status %s; last line: %s" % (status, vm.last_line()))


def s5_powers_off():
    """a guest's S5 powers the machine off, as it was the last guest"""
    vm = system("s5", [power_guest("s5")], 1)
    vm.expect(r"^guest: end=s5")
    finish_poweroff(vm)


def _restarts(word):
    vm = system("restart-" + word, [power_guest(word)], 1)
    for _ in range(3):
        vm.expect(r"^guest: end=" + word)
    vm.kill()


def reset_restarts():
    """the reset register restarts the guest, again and again"""
    _restarts("reset")


def reset_destroys():
    """with on-reboot: destroy a reset ends the guest"""
    vm = system("reset-destroy", [power_guest("reset", events={"on-reboot": "destroy"})], 1)
    vm.expect(r"^guest: end=reset")
    finish_poweroff(vm)
    require(vm.text.count("guest: end=reset") == 1, "the guest was started again")


def crash_is_reported():
    """a triple fault ends the guest, and the log has its registers and the line of its file"""
    vm = system("crash", [power_guest("triple")], 1)
    vm.expect(r"^guest: end=triple")
    vm.expect(r"(?i)triple fault")
    finish_poweroff(vm)
    require(re.search(r"(?i)rip[ =:]+(0x)?[0-9a-f]{8,}", vm.text), "no registers in the log")


def crash_dumps():
    """with dump: true the log has every vCPU of a guest that crashes, once, and where it came from"""
    tree = power_guest("triple", events={"on-crash": {"action": "destroy", "dump": True}})
    tree["vcpus"]["count"] = 2
    vm = system("crash-dump", [tree], 2)
    finish_poweroff(vm)
    require(vm.text.count("  rip ") == 1, "the vCPU that crashed is there %d times" % vm.text.count("  rip "))
    require("vCPU 1 waits for its start-up" in vm.text, "nothing is said of the other vCPU")
    require(re.search(r"  stack\+[0-9a-f]{3}: 0000000000[0-9a-f]{6}$", vm.text, re.M), "no callers")


def reset_dumps():
    """so it does at any other end, if that is asked for"""
    event = {"action": "restart", "max-restarts": 1, "then": "preserve", "dump": True}
    vm = system("reset-dump", [power_guest("reset", events={"on-reboot": event})], 1)
    finish_poweroff(vm)
    require(vm.text.count("guest: end=reset") == 2, "started %d times, want 2" % vm.text.count("guest: end=reset"))
    require(len(re.findall(r"vCPU 0 runs$", vm.text, re.M)) == 2 and vm.text.count("  rip ") == 2, "no dump at each end")


def crash_restarts():
    """with on-crash: restart it is started again, as often as the file allows"""
    event = {"action": "restart", "max-restarts": 2, "within": "10min", "then": "destroy"}
    vm = system("crash-restart", [power_guest("triple", events={"on-crash": event})], 1)
    finish_poweroff(vm)
    starts = vm.text.count("guest: end=triple")
    require(starts == 3, "started %d times, want 3" % starts)


def _neighbour(victim, name):
    survivor = guests.document("halt", PLAIN)
    vm = system(name, [quiet(guests.document(victim, PLAIN)), survivor], 2)
    status = vm.finish()
    problems, _ = guests.judge(vm.text, status)
    require(not problems, "\n".join(problems))
    return vm


def neighbour_of_the_dead():
    """a guest goes on when another one triple-faults"""
    vm = _neighbour("triple", "neighbour-triple")
    require(re.search(r"(?i)triple fault", vm.text), "the log does not say that the first one died")


def neighbour_of_the_deaf():
    """a guest goes on when another one spins with interrupts off"""
    _neighbour("spin", "neighbour-spin")


def named(tree, name):
    return dict(tree, name=name)


def console_prefix():
    """with guests: prefix each line of each guest is whole and begins with its name"""
    power = [named(power_guest("s5"), "left"), named(power_guest("s5"), "right")]
    vm = system("console-prefix", power, 2, console={"guests": "prefix"})
    finish_poweroff(vm)
    for name in ("left", "right"):
        require(re.search(r"^\[%s\] guest: end=s5$" % name, vm.text, re.M), "no line of " + name)
    strange = [line for line in vm.text.split("\n") if "guest: end" in line and not re.match(r"\[(left|right)\] guest: end=s5$", line)]
    require(not strange, "mixed lines: " + "; ".join(strange))


def console_switch():
    """with guests: switch one guest is seen, the escape key changes over, and who crashes shows what it wrote"""
    spin, triple = guests.document("spin", PLAIN), named(power_guest("triple"), "dead")
    vm = system("console-switch", [spin, triple], 2, console={"guests": "switch", "history": "4KiB", "escape": "ctrl-b"})
    vm.expect(r"^hvcore: guest dead: the last \d+ bytes it wrote:")
    vm.expect(r"^guest: end=triple\n(.*\n)*?hvcore: guest dead: that was all")
    require(vm.text.count("guest: end=triple") == 1, "it was seen before it died")
    vm.send("\x02l")
    vm.expect(r"^hvcore: console: 1 spin, chosen\nhvcore: console: 2 dead$")
    vm.send("\x022")
    vm.expect(r"^hvcore: console: guest dead\n(.*\n)*?guest: end=triple$")
    vm.send("\x02n\x02h")
    vm.expect(r"^hvcore: console: guest spin$")
    vm.expect(r"^guest: spins now$")
    vm.kill()


def _sharing(name, role, common, board, access):
    tree = guests.document("share", PLAIN, "role=" + role)
    tree["name"] = name
    tree["devices"]["shmem"] = [
        {"id": "common", "region": "common", "model": "window", "gpa": common},
        {"id": "board", "region": "board", "model": "window", "gpa": board, "access": access}]
    return tree


SHARED = {"shmem-regions": [{"name": "common", "size": "64KiB", "members": {"writer": "read-write", "reader": "read-write"}},
                            {"name": "board", "size": "4MiB", "members": {"writer": "read-write", "reader": "read-only"}}]}


def _sharing_guests():
    return [quiet(_sharing("writer", "writer", 0x80000000, 0x80400000, "read-write")),
            _sharing("reader", "reader", 0x90000000, 0x90400000, "read-only")]


def _check_sharing(text, status):
    problems, _ = guests.judge(text, status)
    require(not problems, "\n".join(problems))
    require(re.search(r"reader: write to 0x90400000 .*shared memory it may only read \(reader.yaml:\d+\)", text),
            "the log does not tell of the refused write, with its line")
    require("writer: reset: starting again" in text and "writer: powered off" in text, "the writer did not start again and end")


def shared_memory():
    """two guests see what the other one writes, one may only read a part; it outlives a restart and an end"""
    for emulator in "qemu-7", "qemu-10":
        vm = system("share-" + emulator, _sharing_guests(), 2, emulator, **SHARED)
        status = vm.finish()
        _check_sharing(vm.text, status)


def _hostile(name, cpus, *arguments):
    """The guest heartbeat and the guest hostile in one image; its path."""
    place = directory(name)
    image = os.path.join(place, "image.elf")
    heart, hostile = guests.document("heartbeat", PLAIN), guests.document("hostile", dict(PLAIN, cpus=cpus))
    heart["boot"]["cmdline"], hostile["boot"]["cmdline"] = arguments
    machine.hvcc_build(guests.write_system(place, [heart, hostile], console={"guests": "prefix"}), image)
    return image


def _unhurt(text):
    beats = re.findall(r"heartbeat: beats \d+ late (\d+) us memory (\w+)$", text, re.M)
    require(beats, "no beats: " + text[-200:])
    require(all(memory == "ok" for _, memory in beats) and "[heartbeat] not ok" not in text, "the neighbour's memory was changed")
    return int(beats[-1][0])


def hostile_in_time():
    """a guest that attacks does not delay its neighbour's timer by a tenth of its period (Bochs, whose CPUs go in step)"""
    place = directory("hostile-bochs")
    iso = os.path.join(place, "image.iso")
    machine.grub_iso(iso, _hostile("hostile-bochs", 1, "ends", ""), "multiboot2")
    text = machine.run_bochs(iso, os.path.join(place, "console.log"), cpus=2, cpu=machine.BOCHS["bochs-icelake"], limit=400)
    late = _unhurt(text)
    require(late < 1000, "a beat was %d us late" % late)
    require("hostile: attacks" in text, "there was no attack")


def linux_reboots():
    """Linux reboots in place, and powers off"""
    vm = linux.start(LINUX, mode="ask")
    for word in ("reboot", "poweroff"):
        vm.expect(r"^hvcc-report-end")
        problems = linux.compare(LINUX, reports.last_report(vm.text))
        require(not problems, "before %s:\n%s" % (word, "\n".join(problems)))
        vm.expect(r"^hvcc-ask")
        vm.send(word + "\n")
    finish_poweroff(vm)


def linux_panics():
    """a kernel that panics and reboots is started again as often as its file allows"""
    tree = linux.document(dict(LINUX, shape="1x1x1"), "ask")
    tree["events"] = {"on-reboot": {"action": "restart", "max-restarts": 1, "within": "1h", "then": "destroy", "dump": True}}
    vm = system("linux-panic", [tree], 1)
    for _ in range(2):
        vm.expect(r"^hvcc-ask")
        vm.send("echo c >/proc/sysrq-trigger\n")
        vm.expect(r"sysrq triggered crash")
        vm.expect(r"vCPU 0 runs")
        vm.expect(r"stack\+[0-9a-f]{3}: ffffffff[0-9a-f]{8}")
    vm.expect("1 restarts within 3600000 ms")
    finish_poweroff(vm)


LIFE = "kernel-6.1-life"  # its modules: pvpanic, wdat_wdt and what they need


def life_guest(name, words="", **keys):
    """Linux that obeys the console, with modules beside its init."""
    initrd = os.path.join(machine.BUILD, "boot/initrd-life.cpio")
    modules = [os.path.join(machine.FETCH, LIFE, m + ".ko") for m in ("pvpanic", "pvpanic-mmio", "watchdog", "wdat_wdt")]
    subprocess.run([os.path.join(machine.TOP, "tests/boot/initramfs/make.sh"), "ask", initrd, *modules], check=True)
    tree = linux.document(dict(LINUX, shape="1x1x1"), "ask")
    tree["name"] = name
    tree["boot"].update(kernel=os.path.join(machine.FETCH, LIFE, "vmlinuz"), initrd=initrd)
    tree["boot"]["cmdline"] += words
    for key, value in keys.items():
        tree[key] = {**tree.get(key, {}), **value}
    return tree


def linux_says_that_it_panics():
    """a kernel with the stock pvpanic driver that panics has crashed at once, whatever it would have done then"""
    tree = life_guest("panics", " panic=0", devices={"panic": {}},
                      events={"on-crash": {"action": "restart", "max-restarts": 1, "then": "destroy"}})
    vm = system("linux-pvpanic", [tree], 1)
    for _ in range(2):
        vm.expect(r"^hvcc-ask")
        vm.send("insmod /pvpanic.ko && insmod /pvpanic-mmio.ko && echo c >/proc/sysrq-trigger\n")
        vm.expect("its kernel has panicked")
    finish_poweroff(vm)


def linux_watchdog():
    """the stock wdat_wdt driver: Linux lives while it feeds the watchdog, and is started again when it does not"""
    tree = life_guest("watched", devices={"watchdog": {"timeout": "4s", "action": "crash"}},
                      events={"on-crash": {"action": "restart", "max-restarts": 1, "then": "destroy"}})
    vm = system("linux-watchdog", [tree], 1, icount=True)
    for status in "0", "32":  # WDIOF_CARDRESET
        vm.expect(r"^hvcc-ask")
        vm.send("insmod /watchdog.ko && insmod /wdat_wdt.ko timeout=4 && cd /sys/class/watchdog/watchdog0 && "
                "echo identity=$(cat identity) timeout=$(cat timeout) status=$(cat bootstatus)\n")
        vm.expect("^identity=wdat_wdt timeout=4 status=%s$" % status)
        vm.expect(r"^hvcc-ask")
        vm.send("watchdog -F -T 4 -t 1 /dev/watchdog & sleep 20; echo fed=$(cat state),$(($(cat timeleft) > 1))\n")
        vm.expect("^fed=active,1$")
        require("its watchdog was not fed" not in vm.text[vm.seen - 200:vm.seen], "it was not fed")
        vm.send("killall -STOP watchdog\n")
        vm.expect("its watchdog was not fed in time")
    finish_poweroff(vm)


def _judge_leak(text):
    """Four starts of the guest that looks for what the start before it planted: its lines, and the checksums of its memory."""
    bad = re.findall(r"^not ok.*", text, re.M)
    sums = re.findall(r"^guest: memory ([0-9a-f]+) of (\d+) words", text, re.M)
    require(not bad, "\n".join(bad))
    require(text.count("guest: has planted") == 4 == len(sums), "%d starts, want 4" % len(sums))
    require(len(set(sums)) == 1 and int(sums[0][1]) > 1500000, "memory is not as at the first start: %s" % sums)


def _leak(words, events):
    vm = system("leak-" + words.split("=")[1], [guests.document("leak", PLAIN, words + " one-pat") | {"events": events}], 1, icount=True)
    finish_poweroff(vm)
    _judge_leak(vm.text)


def restart_forgets():
    """after a reset, memory is that of the first start to the last byte, and no register holds what was planted there"""
    _leak("end=reset", {"on-reboot": {"action": "restart", "max-restarts": 3, "then": "destroy"}})


def crash_forgets():
    """nor after a triple fault"""
    _leak("end=triple", {"on-crash": {"action": "restart", "max-restarts": 3, "then": "destroy"}})


DEATHS = int(os.environ.get("DEATHS", "60"))  # 1000 take minutes


def dies_again_and_again():
    """a guest that is killed at random moments and restarted, and one on the same CPU whose registers are its own all the while"""
    mortal = guests.document("mortal", PLAIN)
    mortal["events"] = {"on-crash": {"action": "restart", "max-restarts": DEATHS, "within": "1h", "then": "destroy"}}
    watcher = guests.document("leak", PLAIN, "one-pat seed=7 watch=%d" % (4 * DEATHS))
    for tree in mortal, watcher:
        tree["scheduling"] = {"scheduler": "fair"}
    vm = system("dies", [mortal, watcher], 1, icount=True)
    vm.finish()
    problems, _ = guests.judge(vm.text, None)
    deaths = len(re.findall(r"guest mortal: vCPU 0 stopped: triple fault", vm.text))
    require(not problems, "\n".join(problems))
    require(deaths == DEATHS + 1, "it died %d times, want %d" % (deaths, DEATHS + 1))


def vtx_restart_forgets():
    """so it is on VT-x"""
    events = {"on-reboot": {"action": "restart", "max-restarts": 3, "then": "destroy"}}
    _judge_leak(_vtx("vtx-leak", [guests.document("leak", PLAIN, "end=reset") | {"events": events}], 1))


def linux_shell():
    """the console takes input: commands to the guest's shell come back with their output"""
    row = dict(LINUX, emulator="qemu-10", shape="1x1x1")
    vm = linux.start(row, mode="ask")
    vm.expect(r"^hvcc-ask")
    vm.send("echo sum=$((6 * 7)) 'a long line that is longer than any FIFO of a UART of this kind: 0123456789 0123456789'\n")
    vm.expect(r"^sum=42 a long line .* 0123456789$")
    vm.expect(r"^hvcc-ask")
    vm.send("poweroff\n")
    finish_poweroff(vm)


def grub_multiboot2():
    """the image boots from an ISO by GRUB and multiboot2"""
    place = directory("grub")
    image, iso = os.path.join(place, "image.elf"), os.path.join(place, "image.iso")
    machine.hvcc_build(guests.write_system(place, [linux.document(LINUX)]), image)
    machine.grub_iso(iso, image, "multiboot2")
    command = machine.qemu_command("qemu-7", iso, cpus=2, memory=linux.MEMORY + 512)
    vm = machine.Machine(command, linux.LIMIT, os.path.join(place, "console.log"))
    vm.expect(r"^hvcc-report-end")
    problems = linux.compare(LINUX, reports.last_report(vm.text))
    require(not problems, "\n".join(problems))
    finish_poweroff(vm)


def two_linux_guests():
    """two Linux guests beside each other, one of them silent, both power off"""
    first, second = linux.document(LINUX), linux.document(dict(LINUX, shape="1x1x1"))
    second["name"] = "second"
    quiet(second)
    place = directory("two-linux")
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, [first, second]), image)
    command = machine.qemu_command("qemu-10", image, cpus=3, memory=2 * linux.MEMORY + 256)
    vm = machine.Machine(command, linux.LIMIT, os.path.join(place, "console.log"))
    finish_poweroff(vm)
    require(reports.last_report(vm.text), "no report of the first")


def _linux_sharing(name, documents, cpus, emulator="qemu-7", memory=0, limit=linux.LIMIT, **options):
    """Linux guests on fewer CPUs than they have vCPUs, to the end; the console."""
    place = directory(name)
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, documents, **options), image)
    command = machine.qemu_command(emulator, image, cpus=cpus, memory=memory or len(documents) * linux.MEMORY + 256)
    vm = machine.Machine(command, limit, os.path.join(place, "console.log"))
    finish_poweroff(vm)
    return vm


def _report(vm):
    report = reports.last_report(vm.text)
    require(report, "no report")
    return report


def two_linux_on_one_processor():
    """two Linux guests share one CPU by weight, one of them silent, both power off"""
    row = dict(LINUX, shape="1x1x1")
    first, second = linux.document(row), quiet(dict(linux.document(row), name="second"))
    first["scheduling"] = {"scheduler": "fair", "weight": 512}
    second["scheduling"] = {"scheduler": "fair"}
    problems = linux.compare(row, _report(_linux_sharing("two-on-one", [first, second], 1)))
    require(not problems, "\n".join(problems))


def linux_by_a_table():
    """two Linux guests on one CPU, by a table that hvcc made of their budgets, beside one that has a CPU for itself"""
    row = dict(LINUX, shape="1x1x1")
    trees = [linux.document(row), *(quiet(dict(linux.document(row), name=name)) for name in ("second", "third"))]
    trees[0]["scheduling"] = {"scheduler": "edf", "period": "20ms", "budget": "12ms"}
    trees[1]["scheduling"] = {"scheduler": "edf", "period": "40ms", "budget": "16ms"}
    problems = linux.compare(row, _report(_linux_sharing("by-a-table", trees, 2, "qemu-10")))
    require(not problems, "\n".join(problems))


def many_vcpus_on_few(emulator="qemu-7"):
    """a Linux guest with 64 vCPUs on 2 CPUs reaches its userspace with all of them, and powers off"""
    tree = linux.document(dict(LINUX, shape="1x32x2"), mode="marker")
    tree.update(scheduling={"scheduler": "fair"}, memory={"size": "512MiB"})
    vm = _linux_sharing("many-on-few", [tree], 2, emulator, memory=1024, limit=600)
    require("smp: Brought up 1 node, 64 CPUs" in vm.text, "not all CPUs are up")
    require("hvcc-userspace" in vm.text, "no userspace")


def linux_knows_that_it_shares():
    """4 vCPUs of a Linux guest on 1 CPU: its kernel uses KVM's interface for that, and sees the time that was stolen"""
    tree = linux.document(dict(LINUX, shape="1x4x1"), mode="ask")
    tree["scheduling"] = {"scheduler": "fair"}
    place = directory("shares")
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, [tree]), image)
    vm = machine.Machine(machine.qemu_command("qemu-7", image, memory=linux.MEMORY + 256), linux.LIMIT, os.path.join(place, "console.log"))
    vm.expect(r"^hvcc-ask")
    vm.send("for i in 1 2 3 4 5 6; do (n=0; while [ $n -lt 9999 ]; do n=$((n+1)); done) & done; wait; dmesg | grep -i pv; grep cpu /proc/stat\n")
    for words in "KVM setup pv remote TLB flush", "PV spinlocks enabled", "setup PV IPIs":
        vm.expect(words)
    vm.expect(r"^cpu3 ")
    vm.expect(r"^hvcc-ask")
    stolen = [int(line.split()[8]) for line in re.findall(r"^cpu\d .*", vm.text, re.M)]
    require(len(stolen) == 4 and min(stolen) > 0, "stolen: %s" % stolen)
    vm.send("poweroff\n")
    finish_poweroff(vm)


def restarts_beside_the_deaf():
    """a guest that shares its CPU, by weight or by a table, with one that spins with interrupts off is started again and again"""
    for scheduling in {"scheduler": "fair"}, {"scheduler": "edf", "period": "10ms", "budget": "5ms"}:
        trees = [power_guest("reset"), quiet(guests.document("spin", PLAIN))]
        vm = system("restart-shared", [dict(tree, scheduling=scheduling) for tree in trees], 1)
        for _ in range(3):
            vm.expect(r"^guest: end=reset")
        vm.kill()


def _small_sharing(name, emulator, scheduling):
    """Bare-metal guests with more vCPUs than the machine has CPUs, one of them with the console; nothing of one may show in another."""
    trees = []
    for guest, cpus in ("xsave", 2) if emulator in machine.BOCHS else ("smp", 4), ("halt", 2), ("msr", 1), ("exceptions", 1):
        tree = guests.document(guest, dict(PLAIN, cpus=cpus, emulator=emulator))
        trees.append(dict(quiet(tree) if trees else tree, scheduling=scheduling, memory={"size": "48MiB"}))
        if len(trees) > 1:
            tree["devices"].pop("debug-exit", None)
    place = directory(name)
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, trees), image)
    if emulator in machine.BOCHS:
        iso = os.path.join(place, "image.iso")
        machine.grub_iso(iso, image, "multiboot2")
        return machine.run_bochs(iso, os.path.join(place, "console.log"), cpu=machine.BOCHS[emulator], limit=300)
    vm = guests.start(emulator, image, 1, place)
    vm.finish()
    return vm.text


def small_guests_share():
    """four guests with 6 to 8 vCPUs on one CPU, AMD-V and VT-x: their own checks pass"""
    for emulator in "qemu-7", "bochs-icelake":
        problems, _ = guests.judge(_small_sharing("small-" + emulator, emulator, {"scheduler": "fair"}), None)
        require(not problems, emulator + "\n" + "\n".join(problems))


def too_few_processors():
    """a machine that does not fit is refused with the reason, and nothing starts"""
    vm = system("too-few", [guests.document("boot", dict(PLAIN, cpus=4))], 2)
    vm.finish()
    require("guest: passed" not in vm.text, "the guest ran")
    require(re.search(r"(?i)(cpu|processor)", vm.last_line() + vm.text), "no reason given")


def too_little_memory():
    """so is one with too little memory"""
    tree = guests.document("boot", PLAIN)
    tree["memory"] = {"size": "4GiB"}
    vm = system("too-little", [tree], 1)
    vm.finish()
    require("guest: passed" not in vm.text, "the guest ran")
    require(re.search(r"(?i)memory", vm.text), "no reason given")


def hello():
    """examples/hello says hello, and ends by its debug-exit port"""
    place = directory("hello")
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(os.path.join(machine.TOP, "examples/hello/guest.yaml"), image)
    vm = guests.start("qemu-7", image, 1, place)
    vm.expect(r"^hello from ")
    status = vm.finish()
    require(status == 1, "exit status %s, want 1 (isa-debug-exit for 0)" % status)


def protected(name, change):
    """examples/spp, its document changed; its guest, asked to load the module that writes to the system-call table."""
    place, example = directory(name), os.path.join(machine.TOP, "examples/spp")
    document = os.path.join(place, "guest.yaml")
    with open(document, "w", encoding="utf-8") as file:  # its init takes commands without a terminal
        yaml.safe_dump({"schema": "hvcc/guest/v1", "extends": [os.path.relpath(os.path.join(example, "guest.yaml"), place)],
                        "boot": {"cmdline": "console=ttyS0 panic=-1 hvcc.ask"}, **change}, file, sort_keys=False)
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(document, image, "--root", machine.TOP)
    vm = machine.Machine(machine.qemu_command("qemu-7", image), linux.LIMIT, os.path.join(place, "console.log"))
    vm.expect(r"^hvcc-ask")
    vm.send("insmod /attack.ko\n")
    return vm


WRITE = r"guest linux: write of 8 bytes to 0x[0-9a-f]+ refused, vCPU 0 at rip 0xffffffff[0-9a-f]+: syscalls \(.*examples/spp/guest\.yaml:8\)"


def spp_logs():
    """examples/spp: a kernel module cannot change the system-call table, the log names the YAML line, and Linux goes on"""
    vm = protected("spp-log", {})
    for way in ("CR0.WP", "alias"):
        vm.expect(WRITE)
        vm.expect(r"attack: %s: the system-call table is as it was" % way)
    vm.expect(r"^hvcc-ask")
    vm.send("echo alive=$((6 * 7))\n")
    vm.expect(r"^alive=42")
    vm.send("poweroff\n")
    finish_poweroff(vm)
    require("was changed" not in vm.text, "the table was changed")


def spp_stops():
    """with action: stop the guest is stopped at the first write"""
    vm = protected("spp-stop", {"params": {"action": "stop"}})
    vm.expect(WRITE)
    vm.expect(r"guest linux: vCPU 0 stopped: .*examples/spp/guest\.yaml:8")
    finish_poweroff(vm)
    require("the system-call table" not in vm.text, "the module went on")


def spp_left_out():
    """and without protection the same module changes the table"""
    vm = protected("spp-none", {"memory": {"spp": None}})
    vm.expect(r"attack: CR0.WP: the system-call table was changed")
    vm.expect(r"attack: alias: the system-call table was changed")
    vm.kill()


def spp_not_emulated():
    """what the emulator has not, on a page that is closed in part, stops the guest and says so"""
    for word, text in (("fxsave", r"cannot emulate the instruction 0f ae"), ("maskmovdqu", r"cannot emulate the instruction 66 0f f7"),
                       ("tables", r"page tables at 0x3000480, in the page of drop: this processor walks only"),
                       ("call", r"cannot emulate the instruction e8"),
                       ("frame", r"an event could not be delivered: its tables or stack are at 0x3000|cannot emulate the instruction cc")):
        vm = system("spp-" + word, [guests.document("spp", PLAIN, "end=" + word)], 1)
        vm.expect(r"^guest: an instruction that is not emulated")
        vm.expect(text)
        finish_poweroff(vm)
        require("guest: went on" not in vm.text, word + ": it went on")


def locks_end_with_a_reset():
    """what a guest locks stays so until it is reset, again and again: then it can lock as much anew"""
    vm = system("lock-reset", [guests.document("lock", PLAIN, "again")], 1)
    for _ in range(12):
        vm.expect(r"^guest: locked, and now resets")
    vm.kill()
    require("not ok" not in vm.text, "\n".join(re.findall("^not ok.*", vm.text, re.M)))


def events_documents():
    """The observer, and the guest that it watches."""
    watched = guests.document("events", PLAIN, "watched")
    watched["name"] = "watched"
    watched["memory"]["spp"] = [{"name": "page", "gpa": 0x2000000, "action": "notify", "observer": "events"}]
    del watched["devices"]["debug-exit"]
    return [guests.document("events", PLAIN), quiet(watched)]


def observer_is_told():
    """with action: notify each refused write is an event to the observer, or counted where it is too slow"""
    vm = system("notify", events_documents(), 2, console={"log-level": "error"})
    status = vm.finish()
    problems, _ = guests.judge(vm.text, status)
    require(not problems, "\n".join(problems))


def on_bochs(cpu):
    """examples/hello on a processor of Bochs; the console."""
    place = directory("hello-" + cpu)
    image, iso = os.path.join(place, "image.elf"), os.path.join(place, "image.iso")
    machine.hvcc_build(os.path.join(machine.TOP, "examples/hello/guest.yaml"), image)
    machine.grub_iso(iso, image, "multiboot2")
    return machine.run_bochs(iso, os.path.join(place, "console.log"), cpu=cpu)


def one_image_two_vendors():
    """the same bytes run on AMD-V and on VT-x, also one without EPT's accessed bits and 1 GiB pages"""
    for cpu in "ryzen", "corei7_icelake_u", "corei7_sandy_bridge_2600k":
        require("hello from " in on_bochs(cpu), "no hello on " + cpu)


def _vtx(name, documents, cpus, **options):
    """A system of these guests on Bochs's VT-x, to its end; the console."""
    place = directory(name)
    image, iso = os.path.join(place, "image.elf"), os.path.join(place, "image.iso")
    machine.hvcc_build(guests.write_system(place, documents, **options), image)
    machine.grub_iso(iso, image, "multiboot2")
    return machine.run_bochs(iso, os.path.join(place, "console.log"), cpus=cpus, cpu=machine.BOCHS["bochs-icelake"])


def vtx_crash_restarts():
    """on VT-x a guest that crashes is started again too, as often as its file allows"""
    event = {"action": "restart", "max-restarts": 2, "within": "10min", "then": "destroy"}
    text = _vtx("vtx-crash-restart", [power_guest("triple", events={"on-crash": event})], 1)
    starts = text.count("guest: end=triple")
    require(starts == 3, "started %d times, want 3" % starts)
    require("the last guest has stopped" in text, "it did not end")


def vtx_observer_is_told():
    """and so on VT-x"""
    text = _vtx("vtx-notify", events_documents(), 2, console={"log-level": "error"})
    problems, _ = guests.judge(text, None)
    require(not problems, "\n".join(problems))


def vtx_neighbours():
    """on VT-x a guest goes on beside one that triple-faults and one that spins with interrupts off"""
    victims = [quiet(guests.document(name, PLAIN)) for name in ("triple", "spin")]
    text = _vtx("vtx-neighbours", [*victims, guests.document("halt", PLAIN)], 3)
    problems, _ = guests.judge(text, None)
    require(not problems, "\n".join(problems))
    require(re.search(r"(?i)triple fault", text), "the log does not say that the first one died")


def _ringing(name):
    tree = dict(guests.document("ivshmem", PLAIN), name=name)
    tree["devices"]["shmem"] = [{"id": "ring", "region": "ring", "model": "ivshmem-doorbell", "vectors": 2}]
    return tree


RINGING = {"shmem-regions": [{"name": "ring", "size": "64KiB", "members": {"first": "read-write", "second": "read-write"}}]}


def doorbells():
    """two guests ring each other by ivshmem: registers, windows, MSI-X with its masks, what there is not"""
    for emulator in "qemu-7", "qemu-10":
        vm = system("doorbells-" + emulator, [quiet(_ringing("first")), _ringing("second")], 2, emulator, **RINGING)
        status = vm.finish()
        problems, _ = guests.judge(vm.text, status)
        require(not problems, "\n".join(problems))


def linux_shares():
    """Linux finds a window by ACPI and ivshmem by PCI, reads and writes them, and rings the other guest"""
    tree = linux.document(dict(LINUX, shape="1x1x1"), "ask")
    tree["devices"]["shmem"] = [{"id": "ring", "region": "ring", "model": "ivshmem-doorbell", "vectors": 2, "guest": "00:05.0"},
                                {"id": "board", "region": "board", "model": "window", "gpa": 0x1000000000}]
    shares = {"shmem-regions": [{"name": "ring", "size": "64KiB", "members": {"linux": "read-write", "second": "read-write"}},
                                {"name": "board", "size": "2MiB", "members": {"linux": "read-write"}}]}
    place = directory("linux-shares")
    image = os.path.join(place, "image.elf")
    machine.hvcc_build(guests.write_system(place, [tree, quiet(_ringing("second"))], **shares), image)
    command = machine.qemu_command("qemu-7", image, cpus=2, memory=linux.MEMORY + 512)
    vm = machine.Machine(command, linux.LIMIT, os.path.join(place, "console.log"))
    pci = "/sys/bus/pci/devices/0000:00:05.0"
    steps = ["cat %s/vendor %s/device" % (pci, pci), "ls /sys/bus/acpi/devices | grep HVCC", "grep HVCC0001 /proc/iomem",
             "devmem 0x1000000000 32 0x600dcafe; devmem 0x1000000000", "echo 1 >%s/enable" % pci,
             "R=$(sed -n '1s/ .*//p' %s/resource); M=$(sed -n '3s/ .*//p' %s/resource); at() { echo $(($1 + $2)); }" % (pci, pci),
             "devmem $(at $R 8); devmem $M 32 1; until [ $(devmem $(at $M 4)) = 0x00000000 ]; do :; done",
             "devmem $(at $R 12) 32 0x10001; until [ $(devmem $(at $M 8)) = 0x00000001 ]; do :; done",
             "devmem $(at $R 12) 32 0x10001; devmem $(at $M 12) 32 1; until [ $(devmem $(at $M 8)) = 0x00000002 ]; do :; done; echo rang"]
    wanted = [r"0x1af4\n0x1110", r"HVCC0001:00", r"1000000000-10001fffff : HVCC0001", r"0x600DCAFE", "", "", r"0x00000000", "", "rang"]
    vm.expect(r"^hvcc-ask")
    for step, want in zip(steps, wanted):
        vm.send(step + "\n")
        vm.expect(r"(?i)" + want)
        vm.expect(r"^hvcc-ask")
    vm.kill()


def vtx_doorbells():
    """on VT-x, too"""
    problems, _ = guests.judge(_vtx("vtx-doorbells", [quiet(_ringing("first")), _ringing("second")], 2, **RINGING), None)
    require(not problems, "\n".join(problems))


def vtx_shared_memory():
    """on VT-x guests share memory too, and EPT keeps the rights"""
    _check_sharing(_vtx("vtx-share", _sharing_guests(), 2, **SHARED), None)


def task_document():
    return {"schema": "hvcc/guest/v1", "name": "tasks", "memory": {"size": "64MiB"},
            "boot": {"kernel": os.path.join(machine.BUILD, "guest/task_switch.elf"), "protocol": "multiboot1"},
            "devices": {"serial": [{"id": "com1", "io": 0x3F8, "irq": 4}], "debug-exit": {"io": 0xF4}}}


def task_switches():
    """AMD's processors switch tasks by themselves; on VT-x a guest that does is stopped, and the log says why"""
    vm = system("tasks", [task_document()], 1)
    vm.expect(r"^guest: in the other task")
    vm.finish()
    text = _vtx("vtx-tasks", [task_document()], 1)
    require(re.search(r"guest: to the other task\n.*stopped: it switches tasks by the TSS 0x20, which this processor leaves", text),
            text[-300:])
    require("in the other task" not in text, "it switched")


def vtx_too_old():
    """VT-x without extended page tables, or without unrestricted guests, is refused with that reason"""
    for cpu, reason in ("core2_penryn_t9600", "extended page tables"), ("corei5_lynnfield_750", "unrestricted guests"):
        text = on_bochs(cpu)
        require("hello from " not in text, "the guest ran on " + cpu)
        require("the CPU lacks " + reason in text, "no reason given on %s: %s" % (cpu, text[-200:]))
        require("this machine is refused" in text, "not refused: " + cpu)


def physical_memory(monitor, base, size, path):
    """Bytes of a running QEMU's memory, from its own monitor."""
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.connect(monitor)
        lines = qmp.makefile("rw")
        for command in ({"execute": "qmp_capabilities"}, {"execute": "pmemsave", "arguments": {"val": base, "size": size, "filename": path}}):
            lines.write(json.dumps(command) + "\n")
            lines.flush()
            while "return" not in json.loads(lines.readline()):
                pass
    with open(path, "rb") as file:
        return file.read()


def bound_memory():
    """memory lies where `bind` puts it, at the addresses or in the node that it names: seen from outside"""
    place = directory("bound")
    image, monitor, dump = (os.path.join(place, name) for name in ("image.elf", "monitor", "memory"))
    first, second = guests.document("spin", PLAIN), dict(guests.document("spin", PLAIN), name="second")
    machine.hvcc_build(guests.write_system(place, [first, quiet(second)], bind={
        "spin": {"memory": [{"host": 0x24000000, "size": "32MiB"}, {"host": 0x8000000, "size": "32MiB"}]},
        "second": {"node": 0}}, console={"log-level": "debug"}), image)
    nodes = [word for i in range(2) for word in ("-object", "memory-backend-ram,id=m%d,size=512M" % i, "-numa", "node,memdev=m%d" % i)]
    command = machine.qemu_command("qemu-7", image, cpus=2, memory=1024, extra=nodes + ["-qmp", "unix:%s,server=on,wait=off" % monitor])
    vm = machine.Machine(command, guests.LIMIT, os.path.join(place, "console.log"))
    try:
        where = {"spin": [], "second": []}
        for _ in range(3):
            line = vm.expect(r"^hvcore: guest (\S+): (\d+) KiB at (\S+) are at (0x[0-9a-f]+) of this machine")
            where[line[1]].append((int(line[3], 0), int(line[2]) << 10, int(line[4], 0)))
        require(where["spin"] == [(0, 32 << 20, 0x24000000), (32 << 20, 32 << 20, 0x8000000)], "bound at %s" % where)
        require(len(where["second"]) == 1 and where["second"][0][2] + (64 << 20) <= 512 << 20, "not in node 0: %s" % where)
        vm.expect(r"^guest: ")
        with open(guests.kernel("spin"), "rb") as file:
            elf = file.read()
        table, entry_size, entries = struct.unpack_from("<28xI10xHH", elf)[:3]
        kind, offset, _, address, size = struct.unpack_from("<5I", elf, table)
        require(kind == 1 and entry_size == 32 and entries and size > 4096, "no segment in the kernel")
        size = 4096  # code, which stays as it is
        for name in where:
            require(physical_memory(monitor, where[name][0][2] + address, size, dump) == elf[offset:offset + size], name + " is not there")
    finally:
        vm.kill()


SCENARIOS = [bound_memory, s5_powers_off, reset_restarts, reset_destroys, crash_is_reported, crash_restarts, neighbour_of_the_dead,
             neighbour_of_the_deaf, console_prefix, console_switch, linux_reboots, linux_shell, grub_multiboot2, two_linux_guests, too_few_processors,
             too_little_memory, hello, spp_logs, spp_stops, spp_left_out, spp_not_emulated, locks_end_with_a_reset, observer_is_told, vtx_observer_is_told, one_image_two_vendors,
             vtx_crash_restarts, vtx_neighbours, vtx_too_old, task_switches]
# Guests that attack.
SCENARIOS += [hostile_in_time]
# Shared CPUs.
SCENARIOS += [two_linux_on_one_processor, linux_by_a_table, restarts_beside_the_deaf, small_guests_share, linux_knows_that_it_shares]
# Life and death.
SCENARIOS += [dies_again_and_again, restart_forgets, crash_forgets, vtx_restart_forgets, crash_dumps, reset_dumps, linux_panics, linux_says_that_it_panics, linux_watchdog]
# What guests share.
SCENARIOS += [shared_memory, vtx_shared_memory, doorbells, vtx_doorbells, linux_shares]
# Those of --full: on QEMU 7.2 this guest has been seen to end in a triple fault while its processors start, once in four runs.
FULL = [many_vcpus_on_few]


def one(scenario):
    try:
        scenario()
        return True, scenario.__doc__, ""
    except Failure as failure:
        return False, scenario.__doc__, str(failure)
    except (OSError, subprocess.SubprocessError) as error:
        return False, scenario.__doc__, repr(error)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="also those that make check leaves out")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    machine.fetch("busybox", "qemu-10", "bochs-3", "kernel-6.1-cloud", LIFE)
    linux.initrd()
    subprocess.run([os.path.join(machine.TOP, "examples/spp/make.sh")], check=True, capture_output=True)
    wanted = SCENARIOS + (FULL if arguments.full or arguments.names else [])
    chosen = [s for s in wanted if not arguments.names or s.__name__ in arguments.names]
    tap = machine.Tap()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(one, chosen):
            tap.line(*result)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
