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
build/hvcc build examples/linux/guest.yaml -o build/run/linux.elf
! $interactive || exec build/hvcc run build/run/linux.elf

status=0
build/hvcc run --timeout "$seconds" build/run/linux.elf </dev/null 2>&1 | tee build/run/console.log || status=$?
fail() { echo "make run: $*" >&2; exit 1; }
[ $status = 0 ] || fail "the machine did not end well ($status)"
for line in hvcc-report-begin 'kernel: 6' 'cpus-online: 0-3' hvcc-report-end 'reboot: Power down'; do
	grep -q "^\(\[.*\] \)\?$line" build/run/console.log || fail "no \`$line\` in the guest's report"
done
echo "make run: the report is complete and the power-off was clean"
