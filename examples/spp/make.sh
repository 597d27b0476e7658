#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes what guest.yaml boots: Debian's kernel, and an initrd with a module that is built against Debian's headers for it.
set -eu
cd "$(dirname "$0")/../.."
fetched=build/fetch/kernel-6.1-cloud-module
tests/emulators/fetch.sh kernel-6.1-cloud-module busybox
mkdir -p build/spp/module
cp "$fetched/vmlinuz" build/spp/vmlinuz
cp examples/spp/module/* build/spp/module
make -s -C "$fetched/headers/" M="$PWD/build/spp/module" modules
tests/boot/initramfs/make.sh shell build/spp/initrd build/spp/module/attack.ko
