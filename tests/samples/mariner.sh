#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mariner.sh - makes testdata/catalog/mariner/ok-manifest anew: the manifest is what rpm prints in the format that the
# distribution's image builder asks for, of the database that rpm.sh made; the table is rpm.sh's.
set -euo pipefail
export LC_ALL=C

top=$(cd "$(dirname "$0")/../../testdata/catalog" && pwd)
case=$top/mariner/ok-manifest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$top/rpm/ok-sqlite-by-rpm/root/usr/lib/sysimage/rpm/rpmdb.sqlite" "$work/"
rm -rf "$case"
mkdir -p "$case/root/var/lib/rpmmanifest"
rpm --dbpath "$work" -qa --qf \
	'%{NAME}\t%{VERSION}-%{RELEASE}\t%{INSTALLTIME}\t%{BUILDTIME}\t%{VENDOR}\t%{EPOCH}\t%{SIZE}\t%{ARCH}\t%{EPOCHNUM}\t%{SOURCERPM}\n' \
	>"$case/root/var/lib/rpmmanifest/container-manifest-2"
cut -f1-4,6,8,9 "$top/rpm/ok-sqlite-by-rpm/expected.tsv" >"$case/expected.tsv"
