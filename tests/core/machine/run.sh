#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The core without guests (main.c beside this) in QEMU, by PVH; prints TAP. QEMU=... takes another version.
set -u
cd "$(dirname "$0")/../../.."
image=build/machine.elf
n=0

say() { # one TAP line: condition, name, log
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' <<<"$3"; fi
}
options() { # case, CPUs, then more
	local case=$1 cpus=$2; shift 2
	arguments=(-accel tcg -machine q35 -m 256M -smp "$cpus" -display none -serial stdio -monitor none -no-reboot
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel $image -append "$case" "$@")
}
boot() { # case, CPUs, then QEMU's options; leaves $log and $code
	options "$@"
	log=$(timeout 120 ${QEMU:-qemu-system-x86_64} "${arguments[@]}" </dev/null 2>&1)
	code=$?
	log=$(grep -v ': warning: TCG' <<<"$log")
}
ends() { # case, the message it must end with
	boot "$1" 2 -cpu max
	grep -q "$2" <<<"$log" && grep -q 'the core has stopped' <<<"$log" && [ $code = 255 ]
	say $? "$1 ends in: $2" "exit $code
$log"
}

for machine in "1 max" "4 max" "2 qemu64" "4 EPYC-Milan" "2 max -no-hpet"; do
	read -r cpus cpu options <<<"$machine"
	# shellcheck disable=SC2086 # no option or one
	boot cpus "$cpus" -cpu "$cpu" $options
	[ $code = 33 ] && ! grep -q '^not ok' <<<"$log" && grep -q '^1\.\.' <<<"$log"
	say $? "CPUs: $machine" "exit $code
$log"
done
input() { # what it reads is sent only when it says that it listens
	options input 2 -cpu max
	coproc MACHINE { exec timeout 120 ${QEMU:-qemu-system-x86_64} "${arguments[@]}" 2>&1; }
	local from=${MACHINE[0]} to=${MACHINE[1]} pid=$MACHINE_PID line
	log=
	while read -r line <&"$from"; do
		log+=$line$'\n'
		[ "${line%$'\r'}" != ready ] || echo k >&"$to"
	done
	wait "$pid"
	[ $? = 33 ]
	say $? 'serial input interrupts a halted CPU' "$log"
}
input
ends stack 'double fault'
ends text 'page fault'
ends alias 'page fault'
ends data 'page fault'
ends gs 'breakpoint'
ends panic 'as asked'
echo "1..$n"
