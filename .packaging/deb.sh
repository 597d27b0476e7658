#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the Debian package of a built tree: deb.sh FOLDER, where `make install` gets PREFIX=/usr. The same tree gives the
# same bytes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
version=$(sed -n 's/^#define HVCC_VERSION *"\(.*\)"/\1/p' "$here/../compiler/base/version.h")
date=$(sed -n 's/^#define HVCC_DATE *"\(.*\)".*/\1/p' "$here/../compiler/base/version.h")
maintainer=${DEB_MAINTAINER:-hvcc maintainers <hvcc@users.noreply.github.com>}
SOURCE_DATE_EPOCH=$(date -u -d "$date" +%s)
export SOURCE_DATE_EPOCH
root=$out/root

rm -rf "$root" && mkdir -p "$root/DEBIAN" "$root/usr/share/doc/hvcc" "$root/usr/share/lintian/overrides"
make -s -C "$here/.." install DESTDIR="$(realpath "$root")" PREFIX=/usr
strip --strip-unneeded -R .comment -R .note "$root/usr/bin/hvcc"
chmod 644 "$root/usr/lib/hvcc/hvcore.elf"
gzip -9n "$root"/usr/share/man/man?/*
cp "$here/copyright" "$root/usr/share/doc/hvcc/copyright"
cp "$here/overrides" "$root/usr/share/lintian/overrides/hvcc"
printf 'hvcc (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' "$version" "$version" "$maintainer" \
	"$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$root/usr/share/doc/hvcc/changelog.gz"

# What the program needs, as the packages of its libraries say.
mkdir -p "$out/debian" && printf 'Source: hvcc\n\nPackage: hvcc\nArchitecture: any\n' >"$out/debian/control"
depends=$(cd "$out" && dpkg-shlibdeps -O root/usr/bin/hvcc 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || { echo "deb.sh: dpkg-shlibdeps (package dpkg-dev) found no libraries" >&2; exit 3; }
size=$(find "$root" -type f -not -path '*/DEBIAN/*' -printf '%s\n' | awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
sed "s|@VERSION@|$version|; s|@MAINTAINER@|$maintainer|; s|@SIZE@|$size|; s|@DEPENDS@|$depends|" "$here/control" \
	>"$root/DEBIAN/control"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
find "$root" -type d -exec chmod 755 {} +
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/hvcc_${version}_amd64.deb" >/dev/null
echo "$out/hvcc_${version}_amd64.deb"
