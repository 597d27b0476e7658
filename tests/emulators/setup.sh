#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a target needs and this Debian lacks: tests/emulators/setup.sh build|run|check|bench|coverage
# Says what it installs before it does. As root, or with sudo. Nothing is upgraded and nothing is removed.
# shellcheck disable=SC2034 # used by name
set -eu
build="gcc libc6-dev make binutils flex bison libyaml-dev libjansson-dev liblz4-dev libzstd-dev liblzma-dev zlib1g-dev libsodium-dev"
run="$build qemu-system-x86 cpio gzip python3 libelf1"
check="$run libcmocka-dev libzydis-dev libunicorn-dev clang llvm libclang-rt-14-dev acpica-tools xorriso mtools grub-common
	grub-pc-bin valgrind zstd lz4 xz-utils git python3-yaml libvirt0"
bench="$run valgrind cloc python3-jsonschema libxml2-utils device-tree-compiler xorriso mtools grub-common grub-pc-bin"
coverage="$check gcovr"

case ${1:-} in
build | run | check | bench | coverage) wanted=${!1} ;;
*) echo "usage: $0 build|run|check|bench|coverage" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	as_root=sudo
	command -v sudo >/dev/null || { echo "$0: these packages are missing, and there is no sudo:$missing" >&2; exit 3; }
fi
echo "installing with apt-get:$missing"
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y -qq "$@"; }
apt update
# shellcheck disable=SC2086 # a list of words
apt install --no-install-recommends --no-upgrade $missing >/dev/null
