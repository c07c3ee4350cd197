/* SPDX-License-Identifier: Apache-2.0 */
/* mariner.c - Azure Linux's (CBL-Mariner's) list of rpm packages in images without an rpm database:
 * var/lib/rpmmanifest/container-manifest-2, a line a package, ten fields with a tabulator
 * between them: name, version-release, install time, build time, vendor, epoch or "(none)", size,
 * architecture, epoch as a number, source rpm. */
#include "base/limits.h"
#include "catalog/catalog.h"
#include "format/rpmdb_header.h"

enum { NAME, VERSION, INSTALLED, BUILT, VENDOR, EPOCH, SIZE, ARCH, EPOCHNUM, SOURCERPM, FIELDS };

static struct span said(struct span s)
{
	return span_is(s, S("(none)")) ? (struct span){0} : s;
}

static void row(struct cat *c, struct span line)
{
	struct span f[FIELDS] = {0}, left = line;
	struct pkg p = {.type = S("rpm")};
	size_t n = 0;

	while (n < FIELDS && span_next(&left, '\t', &f[n]))
		n++;
	p.name = said(f[NAME]);
	p.version = said(f[VERSION]);
	if (p.name.n == 0 || p.version.n == 0) {
		cat_note(c, RMG_E_FORMAT, "mariner-row", "row without a name or a version", line);
		return;
	}
	if (n < FIELDS)
		cat_note(c, RMG_E_UNSUPPORTED, "mariner-row", "row with too few fields", line);
	if (said(f[EPOCH]).n)
		p.version = ARENA_JOIN(cat_scratch(c), f[EPOCH], S(":"), p.version);
	p.vendor = said(f[VENDOR]);
	p.arch = said(f[ARCH]);
	(void)!rpm_source_cut(f[SOURCERPM], &p.src_name, &p.src_version);
	cat_emit(c, &p);
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct rd r = rd_of(bytes);

	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (line.n)
			row(c, line);
	}
	return rd_end(&r);
}

const struct cataloger catalog_mariner = {
    .name = "mariner",
    .globs = (const char *const[]){"var/lib/rpmmanifest/container-manifest-2", NULL},
    .parse = parse,
    .max_bytes = MIB(16),
};
