/* SPDX-License-Identifier: Apache-2.0 */
/* pacman.c - Arch Linux's database, a folder a package: var/lib/pacman/local/NAME-VERSION-RELEASE.
 *
 * desc: "%KEY%", then its values a line each, to a blank line (libalpm be_local.c). files: the
 * same, where %FILES% are paths and folders end in a slash. */
#include "base/limits.h"
#include "catalog/catalog.h"

static struct span *field_of(struct pkg *p, struct span key, struct span *unread)
{
	if (span_is(key, S("%NAME%")))
		return &p->name;
	if (span_is(key, S("%VERSION%")))
		return &p->version;
	if (span_is(key, S("%BASE%")))
		return &p->src_name;
	if (span_is(key, S("%ARCH%")))
		return &p->arch;
	if (span_is(key, S("%LICENSE%")))
		return &p->license;
	if (span_is(key, S("%PACKAGER%")))
		return &p->vendor;
	return unread;
}

static bool is_key(struct span line)
{
	return line.n > 2 && line.p[0] == '%' && line.p[line.n - 1] == '%';
}

/* Licences may be several; of others the first value is taken. */
static void add_value(struct cat *c, struct pkg *p, struct span *to, struct span value)
{
	if (to->n == 0)
		*to = value;
	else if (to == &p->license && to->n < LIMIT_LICENSE_BYTES)
		*to = ARENA_JOIN(cat_scratch(c), *to, S(" AND "), value);
}

static enum rmg_rc parse_desc(struct cat *c, struct span bytes)
{
	struct pkg p = {.type = S("alpm")};
	struct rd r = rd_of(bytes);
	struct span *to = NULL, unread = {0};

	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (line.n == 0)
			to = NULL;
		else if (to == NULL && is_key(line))
			to = field_of(&p, line, &unread);
		else if (to != NULL)
			add_value(c, &p, to, line);
	}
	if (p.name.n == 0 || p.version.n == 0)
		cat_note(c, RMG_E_FORMAT, "pacman-no-version",
			 "package without a name or a version", p.name.n ? p.name : p.version);
	else
		cat_emit(c, &p);
	return rd_end(&r);
}

static enum rmg_rc parse_files(struct cat *c, struct span bytes)
{
	struct span folder = span_basename(span_dirname(cat_file(c)->path));
	struct pkg p = {.type = S("alpm")};
	struct span release;
	struct rd r = rd_of(bytes);
	bool listing = false;

	if (!span_rcut(folder, '-', &p.name, &release) ||
	    !span_rcut(p.name, '-', &p.name, &p.version)) {
		cat_note(c, RMG_E_FORMAT, "pacman-folder", "folder that names no package", folder);
		return RMG_OK;
	}
	p.version = span_from(folder, p.name.n + 1);
	cat_own(c, &p);
	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (is_key(line))
			listing = span_is(line, S("%FILES%"));
		else if (line.n == 0)
			listing = false;
		else if (listing && !span_ends(line, S("/")))
			cat_own_path(c, line);
	}
	return rd_end(&r);
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	if (span_is(span_basename(cat_file(c)->path), S("files")))
		return parse_files(c, bytes);
	return parse_desc(c, bytes);
}

const struct cataloger catalog_pacman = {
    .name = "pacman",
    .globs =
	(const char *const[]){"var/lib/pacman/local/*/desc", "var/lib/pacman/local/*/files", NULL},
    .parse = parse,
    .max_bytes = MIB(64),
};
