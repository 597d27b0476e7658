#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches other versions of emulators and kernels into build/fetch: tests/emulators/fetch.sh NAME...
# The names are the rows of `fetch` below. The packages come from the Debian mirror this system is configured for, by an apt
# with its own lists and cache: the system's sources and package state are read once for the mirror's address and never
# changed, and apt checks every package against Debian's archive keys.
# shellcheck disable=SC2016 # apt and the wrapper scripts expand what is in single quotes
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
root=$top/build/fetch
state=$root/apt
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "fetch.sh: $*" >&2; exit 3; }

own_apt() { # PROGRAM ARGS: an apt program on our own state
	APT_CONFIG=$state/apt.conf "$@"
}

mirror_of() { # CODENAME LABEL: where this system gets that suite of Debian from, or nothing
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $1" "Label: $2" | head -n 1
}

prepare() { # once a day, and after a change of this script: the lists of the suites
	[ -z "$(find "$state/updated" -mtime -1 -newer "$top/tests/emulators/fetch.sh" 2>/dev/null)" ] || return 0
	local mirror security suite
	mirror=$(mirror_of bookworm Debian)
	security=$(mirror_of bookworm-security Debian-Security)
	[ -n "$mirror" ] || fail "apt knows no Debian 12 mirror here; run apt-get update first"
	mkdir -p "$state"/lists/partial "$state"/cache/archives/partial "$state"/parts
	: >"$state/status"
	for suite in bookworm bookworm-backports trixie; do
		echo "deb [arch=amd64 signed-by=$keyring target=Packages] $mirror $suite main"
	done >"$state/sources.list"
	sed -i 's/arch=amd64\(.* bookworm main\)$/arch=amd64,i386\1/' "$state/sources.list" # kernels of 32 bits
	[ -z "$security" ] ||
		echo "deb [arch=amd64 signed-by=$keyring target=Packages] $security bookworm-security main" >>"$state/sources.list"
	cat >"$state/apt.conf" <<-END
		Dir::Etc::sourcelist "$state/sources.list";
		Dir::Etc::sourceparts "$state/parts";
		Dir::Etc::preferences "$state/preferences";
		Dir::Etc::preferencesparts "$state/parts";
		Dir::State "$state";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state/cache";
		Dir::Cache::archives "$state/cache/archives";
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; "i386"; };
		APT::Install-Recommends "false";
		APT::Sandbox::User "root";
		APT::Update::Post-Invoke-Success "";
		Acquire::Languages "none";
		Acquire::Retries "3";
		Dpkg::Use-Pty "false";
	END
	echo "fetching Debian's package lists"
	own_apt apt-get -qq update || fail "cannot fetch the package lists from $mirror"
	touch "$state/updated"
}

unpack() { # DIR DEB...
	local deb
	for deb in "${@:2}"; do
		dpkg-deb -x "$deb" "$1"
	done
}

closure() { # SUITE PACKAGE...: these packages and all they depend on, unpacked into the current folder
	local suite=$1
	shift
	rm -f "$state"/cache/archives/*.deb
	own_apt apt-get -qq -y --download-only -t "$suite" install "$@" >apt.log 2>&1 || { cat apt.log >&2; fail "cannot fetch $*"; }
	unpack . "$state"/cache/archives/*.deb
	rm -f "$state"/cache/archives/*.deb
}

wrapper() { # NAME PROGRAM VARIABLES ARGUMENTS: a script that starts an unpacked program with the libraries it came with
	cat >"$1" <<-END
		#!/bin/sh
		d=\$(cd "\$(dirname "\$0")" && pwd)
		libraries=\$d/lib/x86_64-linux-gnu:\$d/usr/lib/x86_64-linux-gnu:\$d/usr/lib/x86_64-linux-gnu/pulseaudio
		exec env $3 \$d/lib64/ld-linux-x86-64.so.2 --library-path \$libraries \$d/$2 $4 "\$@"
	END
	chmod +x "$1"
}

merge_usr() { # packages of both layouts in one tree: lib -> usr/lib
	local d
	for d in bin lib lib64 sbin; do
		mkdir -p "usr/$d"
		[ ! -d "$d" ] || [ -L "$d" ] || { cp -a "$d/." "usr/$d/" && rm -r "$d"; }
		ln -sfn "usr/$d" "$d"
	done
}

qemu() { # SUITE
	closure "$1" qemu-system-x86
	merge_usr
	wrapper qemu-system-x86_64 usr/bin/qemu-system-x86_64 \
		'QEMU_MODULE_DIR=$d/usr/lib/x86_64-linux-gnu/qemu' '-L $d/usr/share/qemu -L $d/usr/share/seabios'
	./qemu-system-x86_64 --version
}

bochs() { # SUITE
	closure "$1" bochs bochs-term bochsbios vgabios ncurses-base
	merge_usr
	wrapper bochs usr/bin/bochs-bin \
		'LTDL_LIBRARY_PATH=$d/usr/lib/x86_64-linux-gnu/bochs/plugins BXSHARE=$d/usr/share/bochs TERMINFO=$d/usr/share/terminfo' ''
	./bochs --help 2>&1 | grep 'Bochs x86 Emulator' || fail "the unpacked Bochs does not start"
}

package() { # SUITE PACKAGE: the package alone, unpacked into the current folder
	own_apt apt-get -qq download "$2/$1" || fail "cannot fetch $2 from $1"
	unpack . ./*.deb
	rm -f ./*.deb
}

kernel() { # SUITE META [FOLDER...]: the image that the meta package stands for in that suite, or in its security updates (which
	# are not fetched for i386); of its modules those below the folders, without these
	local real suite=$1 meta=$2
	shift 2
	[ "$meta" != "${meta%:i386}" ] || ! grep -q " $suite-security " "$state/sources.list" || suite=$suite-security
	set -- "$suite" "$meta" "$@"
	real=$(own_apt apt-cache show "$2/$1" | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
	[ -n "$real" ] || fail "$2 of $1 names no image"
	package "$1" "$real$([ "$meta" = "${meta%:i386}" ] || echo :i386)"
	cp boot/vmlinuz-* vmlinuz
	cp boot/config-* config
	echo "${real#linux-image-}" >release
	shift 2
	for folder; do
		find . -path "*/kernel/$folder/*.ko" -exec cp {} . \;
	done
	rm -rf boot usr lib
	cat release
}

headers() { # what modules for the kernel in the current folder are built with; Debian's gcc-12 is the compiler
	local release common
	release=$(cat release)
	common=linux-headers-${release%%-cloud*}-common
	own_apt apt-get -qq download "linux-headers-$release" "$common" "linux-kbuild-${release%%.0-*}" || fail "cannot fetch headers for $release"
	unpack . ./*.deb
	rm -f ./*.deb
	ln -s "usr/src/linux-headers-$release" headers
	# It names the common part by where Debian installs it.
	sed -i 's,/usr/src/,$(dir $(lastword $(MAKEFILE_LIST)))../,' headers/Makefile
}

fetch() {
	case $1 in
	kernel-6.1-cloud) kernel bookworm linux-image-cloud-amd64 ;;
	kernel-6.1-cloud-module) kernel bookworm linux-image-cloud-amd64 && headers ;;
	kernel-6.1) kernel bookworm linux-image-amd64 ;;
	kernel-6.12-cloud) kernel bookworm-backports linux-image-cloud-amd64 ;;
	kernel-6.12) kernel bookworm-backports linux-image-amd64 ;;
	kernel-6.1-life) kernel bookworm linux-image-cloud-amd64 drivers/misc/pvpanic drivers/watchdog ;;
	kernel-6.1-kvm) kernel bookworm linux-image-cloud-amd64 arch/x86/kvm virt/lib drivers/crypto/ccp ;;
	kernel-6.1-virtio) kernel bookworm linux-image-cloud-amd64 drivers/virtio drivers/char drivers/block drivers/net net/core net/vmw_vsock drivers/uio ;;
	xen) closure bookworm xen-hypervisor-4.17-amd64 xen-utils-4.17 && merge_usr ;;
	xen-hypervisor) package bookworm xen-hypervisor-4.17-amd64 ;;
	kernel-6.1-xen) kernel bookworm linux-image-amd64 drivers/xen ;;
	kernel-686) kernel bookworm linux-image-686:i386 ;;
	kernel-686-pae) kernel bookworm linux-image-686-pae:i386 ;;
	gnumach) package bookworm gnumach-image-1.8-486 ;;
	gnumach-i386) package bookworm gnumach-image-1.8-486:i386 ;;
	memtest) package bookworm memtest86+ ;;
	busybox-i386) package bookworm busybox-static:i386 ;;
	busybox) package bookworm busybox-static ;;
	qemu-10) qemu bookworm-backports ;;
	bochs-3) bochs trixie ;;
	*) fail "unknown: $1" ;;
	esac
}

for name; do
	[ ! -e "$root/$name/.complete" ] || continue
	mkdir -p "$root"
	exec 9>"$root/.lock"
	flock 9
	[ ! -e "$root/$name/.complete" ] || continue # another has fetched it while this one waited, and uses it
	prepare
	echo "fetching $name"
	rm -rf "${root:?}/$name" "$root/$name.part"
	mkdir "$root/$name.part"
	cd "$root/$name.part"
	fetch "$name"
	touch .complete
	cd "$root"
	mv "$name.part" "$name"
done
