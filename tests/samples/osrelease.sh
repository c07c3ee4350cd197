#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# osrelease.sh - makes testdata/catalog/osrelease/ok-shell anew: an os-release with every kind of quoting, and what a shell
# makes of it, which os-release(5) declares right. The other cases there are written by hand.
set -euo pipefail

case=$(cd "$(dirname "$0")/../../testdata/catalog/osrelease" && pwd)/ok-shell
rm -rf "$case"
mkdir -p "$case/root/usr/lib"
file=$case/root/usr/lib/os-release
cat >"$file" <<-'END'
	# A comment, then a blank line

	ID=first
	ID=acme
	  VERSION_ID='4.2'
	NAME="Acme \"Linux\""
	PRETTY_NAME="Acme \"Linux\" \$5 \\ it's 4.2"
	VERSION=4.2\ beta
	ID_LIKE="de"bia'n fed'ora
	VERSION_CODENAME=wily
	VARIANT_ID=
	CPE_NAME="cpe:/o:acme:linux:4.2"
	BUILD_ID=2024.1
	HOME_URL="https://acme.example/?a=b"
END
{
	printf 'rank\tpath\tid\tid_like\tversion_id\tversion\tcodename\tname\tcpe\tbuild_id\n'
	sh -c '. "$1"; printf "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n" 10 usr/lib/os-release "$ID" "$ID_LIKE" "$VERSION_ID" \
		"$VERSION" "$VERSION_CODENAME" "$PRETTY_NAME" "$CPE_NAME" "$BUILD_ID"' - "$file" | sed 's/\\/\\\\/g'
} >"$case/os.tsv"
sed 's/$/\r/' "$file" >"$case/crlf"
mkdir -p "$case/root/etc"
mv "$case/crlf" "$case/root/etc/os-release"
row=$(sed -n '2s/^10\tusr.lib/0\tetc/p' "$case/os.tsv")
printf '%s\n' "$row" >>"$case/os.tsv"
