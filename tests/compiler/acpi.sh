#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ACPI tables against ACPICA, an independent reader: each table of each guest below is disassembled, compiled again and
# compared (but for the compiler's own name, revision and the checksum), its checksum is summed, and the namespace of
# each DSDT is executed in acpiexec. TAP. bookworm's iasl knows revisions up to ACPI 6.3.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
hvcc=${HVCC:-$top/build/asan/hvcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
for tool in iasl acpiexec; do
	command -v $tool >/dev/null || { echo "1..1"; echo "not ok 1 - $tool is missing: package acpica-tools"; exit 1; }
done
n=0
result() { # $1: 0 is good, $2: what
	n=$((n + 1))
	[ "$1" = 0 ] && echo "ok $n - $2" || echo "not ok $n - $2"
}

# A Multiboot kernel of 4 KiB: header with addresses 1 MiB, entry 1 MiB + 32.
printf '\x02\xb0\xad\x1b\x00\x00\x01\x00\xfe\x4f\x51\xe4\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x20\x00\x10\x00' >kernel
truncate -s 4096 kernel
guest() { # $1: name, the rest: lines of YAML
	local name=$1
	shift
	printf '%s\n' "schema: hvcc/guest/v1" "name: $name" "boot: { kernel: kernel }" "$@" >"$name.yaml"
}
guest small "memory: { size: 4MiB }"
guest legacy "memory: { size: 256MiB }" "timers: [ pit, hpet ]" "devices: { serial: [ { id: a }, { id: b, io: 0x2f8, irq: 3 } ] }"
guest watched "memory: { size: 64MiB }" "devices: { panic: {}, watchdog: { timeout: 5s } }"
guest silent "memory: { size: 64MiB }" "pv: none" "timers: auto" "vcpus: { count: 3, topology: { cores: 3 }, apic: { mode: xapic } }"
guest large "memory: { size: 8GiB }" "acpi: { oem-id: A, oem-table-id: TABLE, oem-revision: 7 }" \
	"vcpus: { count: 24, topology: { sockets: 2, dies: 2, cores: 3, threads: 2 } }"
guest nodes "memory: { numa: [ { node: 0, cpus: 0-11, size: 1GiB, distances: { 1: 21, 2: 31 } }, { node: 1, cpus: 12-23, size: 3GiB }, { node: 2, size: 64MiB } ] }" \
	"vcpus: { count: 24, topology: { sockets: 2, dies: 2, cores: 3, threads: 2 } }"
guest many "memory: { numa: [ { node: 0, cpus: 0-143, size: 512MiB }, { node: 1, cpus: 144-287, size: 512MiB } ] }" \
	"vcpus: { count: 288, topology: { sockets: 2, cores: 72, threads: 2 } }"

guest board "memory: { size: 64MiB }" "devices: { shmem: [ { id: board, region: board, model: window, gpa: 0x80000000, access: read-only }, { id: ring, region: ring, model: window, gpa: 0x1000000000 } ] }"
mv board.yaml board.guest
printf '%s\n' "schema: hvcc/system/v1" "shmem-regions: [ { name: board, size: 64KiB, members: { board: read-only } }, { name: ring, size: 6MiB, members: { board: read-write } } ]" \
	"guests: [ board.guest ]" >board.yaml

sum() { od -An -v -tu1 "$1" | awk '{ for (i = 1; i <= NF; i++) s += $i } END { exit s % 256 != 0 }'; }
plain() { # a table without its checksum and its compiler's name and revision
	head -c 9 "$1"; tail -c +11 "$1" | head -c 18; tail -c +37 "$1"
}
same() { # $1: table, $2: folder: through iasl and back
	local base=${1%.aml}
	iasl -d "$2/$1" >"$2/$base.log" 2>&1 || return 1
	mv "$2/$1" "$2/$base.first"
	iasl -oa -p "$2/$base" "$2/$base.dsl" >>"$2/$base.log" 2>&1 || return 1
	grep -q ' 0 Errors, 0 Warnings' "$2/$base.log" || return 1
	cmp <(plain "$2/$base.first") <(plain "$2/$base.aml") >>"$2/$base.log" 2>&1
}
osc() { # $1: guest, $2: first byte of the UUID, $3: first byte of what comes back
	timeout 60 acpiexec -b "execute \\_SB.PCI0._OSC ($2 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66) 1 3 (01 00 00 00 02 00 00 00 03 00 00 00)" \
		"$1.aml" 2>&1 | grep -q "0000: $3 00 00 00 02 00 00 00 03 00 00 00"
}

for yaml in *.yaml; do
	name=${yaml%.yaml}
	"$hvcc" acpi "$yaml" -o "$name" >"$name.log" 2>&1
	result $? "$name: tables are written"
	cp "$name/DSDT.aml" "$name.dsdt" 2>/dev/null
	for table in "$name"/*.aml; do
		table=$(basename "$table")
		case $table in
		RSDP.aml) sum "$name/$table" && head -c 20 "$name/$table" >"$name/rsdp" && sum "$name/rsdp"
			result $? "$name: RSDP sums to zero, its first part too" ;;
		FACS.aml) [ "$(stat -c %s "$name/$table")" = 64 ]
			result $? "$name: FACS has 64 bytes" ;;
		*) sum "$name/$table"
			result $? "$name: ${table%.aml} sums to zero"
			same "$table" "$name"; code=$?
			result $code "$name: ${table%.aml} comes back from iasl"
			[ $code = 0 ] || sed 's/^/# /' "$name/${table%.aml}.log" ;;
		esac
	done
	mv "$name.dsdt" "$name.aml"
	timeout 60 acpiexec -b 'execute predefined' "$name.aml" >"$name.exec" 2>&1
	result $? "$name: acpiexec ends"
	! grep 'returned AE_' "$name.exec" | grep -qv 'returned AE_OK' && ! grep -qE 'ACPI (BIOS )?Error' "$name.exec"
	result $? "$name: every predefined name evaluates"
	[ "$(grep -cE '_S5_? .*returned AE_OK|PCI0._CRS .*returned AE_OK|PCI0._OSC .*returned AE_OK' "$name.exec")" = 3 ]
	result $? "$name: _S5, the windows and _OSC of PCI0 are among them"
	windows=$(cat "$name.yaml" "$name.guest" 2>/dev/null | grep -o 'model: window' | wc -l)
	[ "$(grep -cE 'SHM[0-9]\._CRS .*returned AE_OK' "$name.exec")" = "$windows" ]
	result $? "$name: so are the windows of shared memory"
	osc "$name" 5B 01
	result $? "$name: _OSC grants what is asked of PCI"
	osc "$name" 00 05
	result $? "$name: _OSC refuses an unknown UUID"
done
echo "1..$n"
