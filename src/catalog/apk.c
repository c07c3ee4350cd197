/* SPDX-License-Identifier: Apache-2.0 */
/* apk.c - Alpine's installed database, lib/apk/db/installed: apk-v2(5).
 *
 * Lines of "K:value"; a blank line ends a package. F: names a folder and R: a file in it. Keys
 * that we do not read are skipped. A package without P: or V: is a note, not a failure. */
#include "base/limits.h"
#include "catalog/catalog.h"

struct stanza {
	struct pkg pkg;
	struct span folder;
	bool began, owning;
};

static void finish(struct cat *c, struct stanza *s)
{
	if (s->pkg.name.n && s->pkg.version.n) {
		if (s->pkg.src_name.n)
			s->pkg.src_version = s->pkg.version;
		cat_emit(c, &s->pkg);
	} else if (s->began) {
		cat_note(c, RMG_E_FORMAT, "apk-no-version", "package without a name or a version",
			 s->pkg.name.n ? s->pkg.name : s->pkg.version);
	}
	*s = (struct stanza){.pkg.type = S("apk")};
}

static void own(struct cat *c, struct stanza *s, struct span name)
{
	if (!s->owning) {
		cat_own(c, &s->pkg);
		s->owning = true;
	}
	cat_own_in(c, s->folder, name);
}

/* The head of a package, apk-v2(5) "installed". */
static void take(struct cat *c, struct stanza *s, uint8_t key, struct span value)
{
	switch (key) {
	case 'P':
		s->pkg.name = value;
		break;
	case 'V':
		s->pkg.version = value;
		break;
	case 'A':
		s->pkg.arch = value;
		break;
	case 'o':
		s->pkg.src_name = value;
		break;
	case 'L':
		s->pkg.license = value;
		break;
	case 'm':
		s->pkg.vendor = value;
		break;
	case 'F':
		s->folder = value;
		break;
	case 'R':
		own(c, s, value);
		break;
	default:
		break;
	}
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct rd r = rd_of(bytes);
	struct stanza s = {.pkg.type = S("apk")};

	while (rd_more(&r)) {
		struct span line = rd_line(&r);

		if (line.n == 0) {
			finish(c, &s);
			continue;
		}
		s.began = true;
		if (line.n < 2 || line.p[1] != ':')
			cat_note(c, RMG_E_FORMAT, "apk-line", "line without a key", line);
		else
			take(c, &s, line.p[0], span_from(line, 2));
	}
	finish(c, &s);
	return rd_end(&r);
}

const struct cataloger catalog_apk = {
    .name = "apk",
    .globs = (const char *const[]){"lib/apk/db/installed", "usr/lib/apk/db/installed", NULL},
    .parse = parse,
    .max_bytes = MIB(64),
};
