#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# rpm.sh - makes testdata/catalog/rpm anew: tiny packages built by rpmbuild, installed by rpm into a database of
# their own; the tables are what rpm -qa prints. Debian's rpm writes SQLite only: the other formats, and a
# database with tiny pages, are made from the same headers by rpm_formats.py.
set -euo pipefail
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000

here=$(cd "$(dirname "$0")" && pwd)
out=$here/../../testdata/catalog/rpm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# spec NAME VERSION RELEASE ARCH LINE...: a package with three files; lines go into its head.
spec() {
	local name=$1 version=$2 release=$3 arch=$4
	shift 4
	{
		printf 'Name: %s\nVersion: %s\nRelease: %s\n' "$name" "$version" "$release"
		printf 'Summary: made for a test\nLicense: MIT and GPL-2.0-only\n'
		printf '%s\n' "$@"
		cat <<-END
			%description
			made for a test
			%install
			mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/$name/sub
			echo $name > %{buildroot}/usr/bin/$name
			echo $name > %{buildroot}/usr/share/$name/data
			echo $name > %{buildroot}/usr/share/$name/sub/more
			%files
			/usr/bin/$name
			/usr/share/$name
		END
		if [ "$name" = parent ]; then
			printf '%%package libs\nSummary: made for a test\nVersion: 9\n'
			printf '%%description libs\nmade for a test\n%%files libs\n'
		fi
	} >"$work/$name.spec"
	rpmbuild -bb --quiet --target "$arch" --define "_topdir $work/top" \
		--define '_build_id_links none' --define '_buildhost build.acme.example' \
		--define 'use_source_date_epoch_as_buildtime 1' "$work/$name.spec" >/dev/null 2>&1
}

spec plain 1.0 1.el9 x86_64 'Vendor: Acme Corp'
spec epoch-zero 2.0 3 x86_64 'Epoch: 0' 'Vendor: Acme Corp'
spec epoch-two 2.36 9 x86_64 'Epoch: 2'
spec tilde '1.0~rc1' 1 noarch
spec caret '1.0^20240101git' 1 noarch
spec module 5.4 1.module+el8 x86_64 'ModularityLabel: acme:rhel8:8010020191119214651:cdc1202b'
spec with-dash-name 7 0.1.a x86_64
spec parent 3.1 2 x86_64 'Vendor: Acme Corp'

db=$work/db
rpm --dbpath "$db" --initdb
find "$work/top" -name '*.rpm' | sort |
	xargs rpm --root "$work" --dbpath /db --justdb --nodeps --ignorearch --nosignature -i
gpg --homedir "$work" --batch --quiet --passphrase '' --quick-generate-key 'Jo <jo@acme.example>' rsa1024 sign never \
	2>/dev/null
gpg --homedir "$work" --armor --export >"$work/key.asc"
rpm --dbpath "$db" --import "$work/key.asc"

query() { rpm --dbpath "$db" -qa --qf "$1" | sort; }
tables() { # CASE
	{
		printf 'type\tname\tversion\tarch\tlicense\tvendor\tmodule\tsource\tsource_version\n'
		query 'rpm\t%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%|ARCH?{%{ARCH}}|\t%{LICENSE}\t%|VENDOR?{%{VENDOR}}|\t%|MODULARITYLABEL?{%{MODULARITYLABEL}}|\t%|SOURCERPM?{%{SOURCERPM}}:{%{NAME}-%{VERSION}-%{RELEASE}.src.rpm}|\n' |
			sed -E 's/^rpm\t([^\t]*)\t([^\t]*)(.*)\t\(none\)$/rpm\t\1\t\2\3\t\1\t\2/; s/\t([^\t]*)-([^-\t]*-[^-\t]*)\.src\.rpm$/\t\1\t\2/'
	} >"$1/expected.tsv"
	{
		printf 'name\tarch\tpath\n'
		query '[%{=NAME}\t%{=ARCH}\t%{FILEMODES:perms}\t%{FILENAMES}\n]' |
			sed -n 's,\t-[^\t]*\t/,\t,p'
	} >"$1/owned.tsv"
}

rm -rf "$out"/ok-*
for format in sqlite-by-rpm sqlite-512 bdb-little bdb-big bdb-unsorted ndb; do
	case $format in
	bdb-*) file=var/lib/rpm/Packages ;;
	ndb) file=usr/lib/sysimage/rpm/Packages.db ;;
	*) file=usr/lib/sysimage/rpm/rpmdb.sqlite ;;
	esac
	mkdir -p "$out/ok-$format/root/$(dirname "$file")"
	tables "$out/ok-$format"
	python3 "$here/rpm_formats.py" "$format" "$db/rpmdb.sqlite" "$out/ok-$format/root/$file"
	case $format in
	bdb-*) # rpm can read what it cannot write
		rpm --define '_db_backend bdb_ro' --dbpath "$out/ok-$format/root/var/lib/rpm" -qa --qf '%{NAME}\n' \
			2>/dev/null | sort | diff - <(query '%{NAME}\n')
		rm -f "$out/ok-$format/root/var/lib/rpm/".*.lock
		;;
	esac
done

# For format/rpmdb: three packages only, so that a fuzzer is quick.
seeds=$here/../../testdata/format/rpmdb
mkdir -p "$seeds"
rpm --dbpath "$db" --justdb --nodeps -e parent parent-libs module tilde caret with-dash-name gpg-pubkey
for format in sqlite-512 bdb-little bdb-big bdb-unsorted ndb; do
	python3 "$here/rpm_formats.py" "$format" "$db/rpmdb.sqlite" "$seeds/ok-$format"
done
rm -rf "$out"/bad-*
python3 "$here/rpm_damage.py" "$out" "$seeds"
