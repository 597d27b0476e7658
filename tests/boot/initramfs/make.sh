#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes an initramfs of busybox and the init beside this script: make.sh MODE OUTPUT [FILE...] (MODE: see init; FILEs go to /).
# Modules in $MODULES, a list of files, are loaded in that order before anything else.
# The same inputs give the same bytes: sorted names, no times, owner root, no compression.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mode=$1
output=$2
shift 2
busybox=${BUSYBOX:-$here/../../../build/fetch/busybox/bin/busybox} # another one may be of 32 bits: then without tsc
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir "$tree/bin"
cp "$busybox" "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"
[ -n "${BUSYBOX:-}" ] || gcc -O2 -nostdlib -static -ffreestanding -fno-stack-protector -mgeneral-regs-only -Wl,--build-id=none -s -o "$tree/bin/tsc" "$here/tsc.c"
install -m 755 "$here/init" "$tree/init"
echo "$mode" >"$tree/mode"
[ $# = 0 ] || cp "$@" "$tree"
number=100
for module in ${MODULES:-}; do
	install -D -m 644 "$module" "$tree/modules/$number-$(basename "$module")"
	number=$((number + 1))
done
find "$tree" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$output")"
(cd "$tree" && find . -mindepth 1 | LC_ALL=C sort | cpio -o -H newc --reproducible --owner=0:0 --quiet) >"$output.part"
mv "$output.part" "$output"
