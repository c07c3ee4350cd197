#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pacman.sh - makes testdata/catalog/pacman/ok-local anew: packages made by bsdtar as makepkg makes them, installed by
# pacman (Debian: pacman-package-manager) into a root of its own; the tables are pacman -Q's and -Ql's. Needs root.
set -euo pipefail
export LC_ALL=C

case=$(cd "$(dirname "$0")/../../testdata/catalog/pacman" && pwd)/ok-local
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/var/lib/pacman" "$work/cache"
printf '[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n' >"$work/pacman.conf"

pacman_() {
	pacman --config "$work/pacman.conf" --root "$work/root" --dbpath "$work/root/var/lib/pacman" \
		--cachedir "$work/cache" --hookdir "$work/none" --logfile /dev/null --noconfirm "$@"
}

# package NAME VERSION ARCH LINE...
package() {
	local name=$1 version=$2 arch=$3 tree=$work/tree
	shift 3
	rm -rf "$tree"
	mkdir -p "$tree/usr/bin" "$tree/usr/share/$name"
	echo "$name" >"$tree/usr/bin/$name"
	echo "$name" >"$tree/usr/share/$name/data"
	{
		printf 'pkgname = %s\npkgver = %s\npkgdesc = made for a test\narch = %s\nbuilddate = 1700000000\n' \
			"$name" "$version" "$arch"
		printf 'url = https://acme.example/\nsize = 10\npackager = Jo Packager <jo@acme.example>\n'
		printf '%s\n' "$@"
	} >"$tree/.PKGINFO"
	(cd "$tree" && bsdtar -czf "$work/$name.pkg.tar.gz" .PKGINFO usr)
}

package plain 1.0-1 any 'license = MIT' 'pkgbase = plain'
package epoch-name 1:2.36+r9+gabc-2 x86_64 'license = GPL-2.0-or-later' 'license = LGPL-2.1-or-later' 'pkgbase = epoch'
pacman_ -U "$work"/*.pkg.tar.gz >/dev/null

rm -rf "$case"
mkdir -p "$case/root/var/lib/pacman"
cp -r "$work/root/var/lib/pacman/local" "$case/root/var/lib/pacman/"
find "$case" -name mtree -delete
{
	printf 'type\tname\tversion\tarch\tsource\tlicense\tvendor\n'
	pacman_ -Q | while read -r name version; do
		info=$(pacman_ -Qi "$name")
		field() { sed -n "s/^$1 *: //p" <<<"$info"; }
		base=$(sed -n 's/^pkgbase = //p' <(bsdtar -xOf "$work/$name.pkg.tar.gz" .PKGINFO))
		printf 'alpm\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$version" "$(field Architecture)" "$base" \
			"$(field Licenses | sed 's/  */ AND /g')" "$(field Packager)"
	done
} >"$case/expected.tsv"
{
	printf 'name\tarch\tpath\n'
	pacman_ -Ql | sed -n "s,^\([^ ]*\) $work/root/\(.*[^/]\)$,\1\t\t\2,p"
} >"$case/owned.tsv"
