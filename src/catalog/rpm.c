/* SPDX-License-Identifier: Apache-2.0 */
/* rpm.c - rpm's database of installed packages, in all three formats (format/rpmdb.h).
 *
 * The version is "[epoch:]version-release", the epoch as rpm -qa prints it: only where the header
 * has one, also where it is 0. Imported keys ("gpg-pubkey") are listed as rpm lists them; they
 * have no architecture. The source package's epoch is not known. */
#include "base/limits.h"
#include "catalog/catalog.h"
#include "format/rpmdb.h"
#include "format/rpmdb_header.h"

#define S_IFMT_DIR 0040000
#define S_IFMT_ALL 0170000

static struct span version_of(struct arena *scratch, const struct rpm_header *h)
{
	struct span version = rpm_header_text(h, RPM_VERSION);
	struct span release = rpm_header_text(h, RPM_RELEASE);
	char digits[16];
	uint32_t epoch;
	int n;

	if (!rpm_header_number(h, RPM_EPOCH, 0, &epoch))
		return ARENA_JOIN(scratch, version, S("-"), release);
	n = snprintf(digits, sizeof(digits), "%u:", epoch);
	return ARENA_JOIN(scratch, span_of(digits, (size_t)n), version, S("-"), release);
}

static bool is_folder(const struct rpm_header *h, uint32_t i)
{
	uint32_t mode;

	return rpm_header_number(h, RPM_FILEMODES, i, &mode) && (mode & S_IFMT_ALL) == S_IFMT_DIR;
}

/* Folders of the file list, to be taken by index. NULL where there are none, or memory ran out. */
static struct span *dir_names(struct arena *scratch, const struct rpm_header *h, uint32_t *n)
{
	struct rpm_value left = h->values[RPM_DIRNAMES];
	struct span *names;

	*n = 0;
	if (left.count == 0)
		return NULL;
	names = ARENA_ARRAY(scratch, left.count, struct span);
	while (names != NULL && rpm_value_next(&left, &names[*n]))
		++*n;
	return names;
}

static void check_whole(struct cat *c, const struct rpm_header *h, const struct rpm_value *left)
{
	if (left->count != 0)
		cat_note(c, RMG_E_FORMAT, "rpm-files", "file list is cut short",
			 rpm_header_text(h, RPM_NAME));
}

static void own_new_style(struct cat *c, const struct rpm_header *h)
{
	struct rpm_value left = h->values[RPM_BASENAMES];
	uint32_t n_dirs, dir;
	struct span *dirs = dir_names(cat_scratch(c), h, &n_dirs), name;

	for (uint32_t i = 0; rpm_value_next(&left, &name); i++) {
		if (!rpm_header_number(h, RPM_DIRINDEXES, i, &dir) || dir >= n_dirs) {
			cat_note(c, RMG_E_FORMAT, "rpm-files", "file list without a folder",
				 rpm_header_text(h, RPM_NAME));
			return;
		}
		if (!is_folder(h, i))
			cat_own_in(c, dirs[dir], name);
	}
	check_whole(c, h, &left);
}

static void own_old_style(struct cat *c, const struct rpm_header *h)
{
	struct rpm_value left = h->values[RPM_OLDFILENAMES];
	struct span path;

	for (uint32_t i = 0; rpm_value_next(&left, &path); i++)
		if (!is_folder(h, i))
			cat_own_path(c, path);
	check_whole(c, h, &left);
}

static void one_header(void *user, struct span blob)
{
	struct cat *c = user;
	struct pkg p = {.type = S("rpm")};
	struct rpm_header h;

	if (rpm_header_read(blob, &h) != RMG_OK) {
		cat_note(c, RMG_E_FORMAT, "rpm-header", "header of a package is damaged",
			 (struct span){0});
		return;
	}
	p.name = rpm_header_text(&h, RPM_NAME);
	if (p.name.n == 0 || rpm_header_text(&h, RPM_VERSION).n == 0) {
		cat_note(c, RMG_E_FORMAT, "rpm-no-version", "package without a name or a version",
			 p.name);
		return;
	}
	if (h.damaged)
		cat_note(c, RMG_E_FORMAT, "rpm-header", "header of a package is damaged", p.name);
	p.version = version_of(cat_scratch(c), &h);
	p.arch = rpm_header_text(&h, RPM_ARCH);
	p.license = rpm_header_text(&h, RPM_LICENSE);
	p.vendor = rpm_header_text(&h, RPM_VENDOR);
	p.module = rpm_header_text(&h, RPM_MODULARITYLABEL);
	(void)!rpm_source_cut(rpm_header_text(&h, RPM_SOURCERPM), &p.src_name, &p.src_version);
	cat_emit(c, &p);
	cat_own(c, &p);
	own_new_style(c, &h);
	own_old_style(c, &h);
}

static void one_lost(void *user, enum rmg_rc rc, const char *what, uint64_t where)
{
	char number[32];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)where);
	cat_note(user, rc, "rpm-header", what, span_cstr(number));
}

/* Changes that are only in the log are not applied; an empty log is what a clean end leaves. */
static enum rmg_rc log_beside(struct cat *c, struct span bytes)
{
	if (bytes.n != 0)
		cat_note(c, RMG_E_FORMAT, "rpm-wal",
			 "the rpm database has a write-ahead log with changes that are not read; "
			 "installed and removed packages may be missing from the result",
			 (struct span){0});
	return RMG_OK;
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct rpmdb_sink sink = {.user = c, .header = one_header, .lost = one_lost};

	if (span_ends(cat_file(c)->path, S("-wal")))
		return log_beside(c, bytes);
	return bytes.n == 0 ? RMG_OK : rpmdb_walk(bytes, cat_scratch(c), &sink);
}

#define IN(folder)                                                                                 \
	folder "/Packages", folder "/Packages.db", folder "/rpmdb.sqlite",                         \
	    folder "/rpmdb.sqlite-wal"

const struct cataloger catalog_rpm = {
    .name = "rpm",
    .globs = (const char *const[]){IN("var/lib/rpm"), IN("usr/lib/sysimage/rpm"),
				   IN("usr/share/rpm"), NULL},
    .parse = parse,
    .max_bytes = MIB(512),
};
