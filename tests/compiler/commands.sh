#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What build, inspect, acpi and run answer: exit codes, files, and how a machine's end becomes an exit code. TAP.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
hvcc=${HVCC:-$top/build/asan/hvcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
n=0
expect() { # $1: exit code, $2: what, the rest: a command; its output stays in `out`, for `holds`
	local code want=$1 what=$2
	shift 2
	"$@" >new 2>&1 </dev/null
	code=$?
	[ "$1" = holds ] || mv new out
	n=$((n + 1))
	if [ $code = "$want" ]; then echo "ok $n - $what"; else
		echo "not ok $n - $what: exit $code, not $want"
		sed 's/^/# /' out
	fi
}
holds() { grep -q -- "$1" out; }
hello=$top/examples/hello/guest.yaml
core=$top/build/hvcore.elf

expect 0 "check reads what boot names" "$hvcc" check "$hello"
printf '%s\n' "schema: hvcc/guest/v1" "name: none" "memory: { size: 4MiB }" "boot: { kernel: nothing }" >none.yaml
expect 1 "... and misses what is not there" "$hvcc" check none.yaml
expect 0 "... which check --no-files does not look for" "$hvcc" check --no-files none.yaml
expect 0 "build writes an image" "$hvcc" build "$hello" -o image -d depfile -v --core "$core"
expect 0 "... and says what it takes" holds 'memory taken'
expect 0 "... and the depfile names the guest, its kernel and the core" \
	bash -c 'grep -q "^image:" depfile && grep -q guest.yaml depfile && grep -q hello.elf depfile && grep -q hvcore.elf depfile'
expect 0 "make reads the depfile" make -f depfile -n image
expect 0 "the image is an ELF program with a PVH note" bash -c 'readelf -lnW image | grep -q "Xen" && readelf -lW image | grep -q NOTE'
expect 0 "build writes a blob alone" "$hvcc" build "$hello" --format blob -o blob
expect 0 "inspect reads the blob" bash -c "'$hvcc' inspect blob >blob.txt"
expect 0 "the image holds the same blob" bash -c "'$hvcc' inspect image | cmp - blob.txt"
expect 0 "inspect prints JSON" bash -c "'$hvcc' inspect --json image | python3 -c 'import json, sys; d = json.load(sys.stdin); assert d[\"guests\"][0][\"name\"] == \"hello\"'"
expect 0 "inspect shows one section" "$hvcc" inspect image --section devices
expect 0 "... with its YAML places" holds 'guest.yaml:13:7'
expect 2 "inspect of an unknown section" "$hvcc" inspect image --section nothing
expect 1 "inspect of no image" "$hvcc" inspect "$hello"
expect 3 "inspect of no file" "$hvcc" inspect nothing
printf '\377' | dd of=blob bs=1 seek=700 conv=notrunc status=none
expect 1 "inspect of a damaged blob" "$hvcc" inspect blob
expect 0 "... names the hash" holds 'hash'
expect 3 "build without a core" "$hvcc" build "$hello" -o other --core nothing
expect 3 "build with a core that is none" "$hvcc" build "$hello" -o other --core "$top/build/hello.elf"
expect 3 "build into a folder that is not there" "$hvcc" build "$hello" -o no/such/folder --core "$core"
expect 2 "build in an unknown format" "$hvcc" build "$hello" -o other --format iso
expect 0 "no output after an error" bash -c '! ls other*'
expect 0 "acpi lists tables" "$hvcc" acpi "$hello"
expect 0 "... with their addresses" holds 'DSDT  0x00ffe'
expect 2 "acpi --asl wants a folder" "$hvcc" acpi "$hello" --asl
expect 3 "acpi --asl without iasl" env PATH=/nowhere "$hvcc" acpi "$hello" --asl -o tables
expect 0 "... and its package is named" holds 'acpica-tools'
expect 0 "acpi --asl writes ASL beside AML" "$hvcc" acpi "$hello" --asl -o tables
expect 0 "... of every table with a header" bash -c 'grep -q "DefinitionBlock" tables/DSDT.dsl && [ "$(ls tables/*.dsl | wc -l)" = 8 ]'
expect 2 "acpi of a guest that is not there" "$hvcc" acpi "$hello" --guest other
expect 0 "run --print shows the command" "$hvcc" run --print "$hello" -- -extra 'two words'
expect 0 "... with what was added, quoted" holds "-kernel hvcc.img -extra 'two words'"
expect 0 "... and makes nothing" bash -c '! ls hvcc.img'
expect 0 "run: a debug-exit of 0 is exit code 0" "$hvcc" run "$hello" --core "$core" --timeout 60
expect 0 "... after the guest spoke" holds 'hello from the guest'
# A Multiboot kernel that jumps to itself: header with addresses 1 MiB, entry 1 MiB + 32.
{
	printf '\x02\xb0\xad\x1b\x00\x00\x01\x00\xfe\x4f\x51\xe4\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x10\x00'
	printf '\xeb\xfe'
} >loop.bin
printf '%s\n' "schema: hvcc/guest/v1" "name: loop" "memory: { size: 4MiB }" "boot: { kernel: loop.bin }" >loop.yaml
expect 1 "run: not ended in time" "$hvcc" run loop.yaml --core "$core" --timeout 3
expect 0 "... and it says so" holds 'the time is over'
expect 3 "run: QEMU is missing" "$hvcc" run "$hello" --core "$core" --qemu no-such-program
expect 0 "... and its package is named" holds 'qemu-system-x86'
expect 3 "run: QEMU refuses an argument" "$hvcc" run "$hello" --core "$core" -- -no-such-option
expect 2 "run: a time that is none" "$hvcc" run "$hello" --timeout soon
expect 2 "run: an unknown accelerator" "$hvcc" run "$hello" --accel hvf
echo "1..$n"
