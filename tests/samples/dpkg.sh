#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dpkg.sh - makes testdata/catalog/dpkg/{ok-states,ok-distroless} anew: tiny packages built by dpkg-deb, installed
# by dpkg into a root of their own; the tables are what dpkg-query and dpkg -L print. Needs root.
set -euo pipefail
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000

out=$(cd "$(dirname "$0")/../../testdata/catalog/dpkg" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"

# deb NAME VERSION ARCH FILE... [-- FIELD...]: each file is made, fields go into the control file.
deb() {
	local name=$1 version=$2 arch=$3 tree=$work/tree file
	shift 3
	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN"
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		mkdir -p "$tree/$(dirname "$1")"
		echo "$name" >"$tree/$1"
		shift
	done
	[ $# -eq 0 ] || shift
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: %s\n' "$name" "$version" "$arch"
		printf 'Maintainer: Jo Packager <jo@acme.example>\n'
		for file in "$@"; do printf '%s\n' "$file"; done
		printf 'Description: made for a test\n Package: not-a-field\n .\n Version: 0\n'
	} >"$tree/DEBIAN/control"
	[ ! -e "$tree/etc/$name.conf" ] || echo "/etc/$name.conf" >"$tree/DEBIAN/conffiles"
	if [ "$name" = broken ]; then
		printf '#!/bin/sh\nexit 1\n' >"$tree/DEBIAN/postinst"
		chmod 755 "$tree/DEBIAN/postinst"
	fi
	(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -print | sed 's,^\./,,' | sort |
		xargs -r md5sum) >"$work/md5sums"
	cp "$work/md5sums" "$tree/DEBIAN/md5sums"
	dpkg-deb -b "$tree" "$work/${name}_$arch.deb" >/dev/null
}

run() {
	dpkg --root="$root" --force-architecture --force-script-chrootless --force-unsafe-io \
		--log=/dev/null "$@" >/dev/null 2>&1
}

deb plain 1.0-1 all usr/share/doc/plain/copyright usr/bin/plain
deb epoch 1:2.36-9+deb12u3 amd64 usr/bin/epoch -- 'Source: epoch-src'
deb binnmu 3.0-1+b2 amd64 usr/lib/x86_64-linux-gnu/libbinnmu.so -- 'Source: binnmu (3.0-1)'
deb multi 1.2~rc1-1 amd64 usr/lib/x86_64-linux-gnu/libmulti.so.1 usr/share/doc/multi/README -- \
	'Multi-Arch: same' 'Source: multi-src (1:9)'
deb multi 1.2~rc1-1 i386 usr/lib/i386-linux-gnu/libmulti.so.1 usr/share/doc/multi/README -- \
	'Multi-Arch: same' 'Source: multi-src (1:9)'
deb held 5 all etc/held.conf
deb unpacked 6 all usr/bin/unpacked
deb broken 7 all usr/bin/broken
deb removed 8 all etc/removed.conf usr/bin/removed
deb purged 9 all usr/bin/purged

dpkg --root="$root" --add-architecture amd64
dpkg --root="$root" --add-architecture i386
for name in plain_all epoch_amd64 binnmu_amd64 multi_amd64 multi_i386 held_all removed_all purged_all; do
	run -i "$work/$name.deb"
done
echo 'held hold' | dpkg --root="$root" --set-selections
run --unpack "$work/unpacked_all.deb"
run -i "$work/broken_all.deb" || true
run -r removed
run -P purged

query() { dpkg-query --admindir="$root/var/lib/dpkg" "$@"; }
columns='type\tname\tversion\tarch\tsource\tsource_version\tvendor\n'
# shellcheck disable=SC2016
format='deb\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\n'

case=$out/ok-states
rm -rf "$case"
mkdir -p "$case/root/var/lib/dpkg/info"
cp "$root/var/lib/dpkg/status" "$case/root/var/lib/dpkg/"
cp "$root"/var/lib/dpkg/info/*.list "$case/root/var/lib/dpkg/info/"
{
	# shellcheck disable=SC2059
	printf "$columns"
	query -W -f "\${db:Status-Status}\t$format" | grep -v '^config-files' | cut -f2-
} >"$case/expected.tsv"
{
	printf 'name\tarch\tpath\n'
	for list in "$root"/var/lib/dpkg/info/*.list; do
		name=$(basename "$list" .list)
		arch=
		case $name in *:*) arch=${name#*:} ;; esac
		# A removed package's list keeps its configuration files.
		while read -r path; do
			[ ! -f "$root$path" ] || printf '%s\t%s\t%s\n' "${name%:*}" "$arch" "${path#/}"
		done < <(query -L "$name")
	done
} >"$case/owned.tsv"
cat >"$case/notes.tsv" <<-END
	level	code	path	text
	info	dpkg-state	var/lib/dpkg/status	package is unpacked, but its configuration did not finish: broken
	info	dpkg-state	var/lib/dpkg/status	package is unpacked, but not configured: unpacked
END

# A stanza a file, without a state, and checksums in place of lists.
case=$out/ok-distroless
rm -rf "$case"
mkdir -p "$case/root/var/lib/dpkg/status.d"
{
	# shellcheck disable=SC2059
	printf "$columns"
	for name in plain epoch binnmu; do query -W -f "$format" "$name"; done
} >"$case/expected.tsv"
printf 'name\tarch\tpath\n' >"$case/owned.tsv"
for deb in plain_all epoch_amd64 binnmu_amd64; do
	name=${deb%_*}
	dpkg-deb -f "$work/$deb.deb" >"$case/root/var/lib/dpkg/status.d/$name"
	dpkg-deb --ctrl-tarfile "$work/$deb.deb" | tar -xO ./md5sums \
		>"$case/root/var/lib/dpkg/status.d/$name.md5sums"
	sed "s/^[0-9a-f]*  /$name\t\t/" "$case/root/var/lib/dpkg/status.d/$name.md5sums" >>"$case/owned.tsv"
done
