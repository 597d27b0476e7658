#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The second half of `make run`: builds examples/linux and runs it. On a terminal the user gets the guest's shell. Without
# one the guest reports and powers off; exit 0 only if the report came whole and the power-off was clean in time.
set -eu -o pipefail
cd "$(dirname "$0")/../.."
seconds=${RUN_TIMEOUT:-300}
interactive=false
[ ! -t 0 ] || [ ! -t 1 ] || interactive=true

mkdir -p build/run
tests/emulators/fetch.sh kernel-6.1-cloud busybox
cp build/fetch/kernel-6.1-cloud/vmlinuz build/run/vmlinuz
tests/boot/initramfs/make.sh "$($interactive && echo shell || echo report)" build/run/initrd
command=(build/hvcc run -o build/run/linux.elf)
! $interactive || exec "${command[@]}" examples/linux/guest.yaml

status=0
"${command[@]}" --timeout "$seconds" examples/linux/guest.yaml -- -trace enable=qemu_system_shutdown_request \
	</dev/null 2>&1 | tee build/run/console.log || status=$?
fail() { echo "make run: $*" >&2; exit 1; }
[ $status = 0 ] || fail "the machine did not end well ($status)"
# reason=6: the machine was powered off by ACPI; a reset or a fault ends QEMU with status 0, too.
for line in hvcc-report-begin 'kernel: 6' 'cpus-online: 0-3' hvcc-report-end 'qemu_system_shutdown_request reason=6'; do
	grep -q "^$line" build/run/console.log || fail "no \`$line\` on the console"
done
echo "make run: the report is complete and the power-off was clean"
