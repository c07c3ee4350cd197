/* SPDX-License-Identifier: Apache-2.0 */
/* dpkg.c - Debian's database (deb822(5), dpkg(1)) and opkg's, which is written alike: status, a
 * stanza a file in status.d (distroless images), and the lists of files.
 *
 * Only the root's own database: a folder made by debootstrap somewhere in the image is not what
 * this image runs. Packages in a state between "unpacked" and "installed" are reported, with a
 * note: their files are there, although dpkg-query does not call them installed. */
#include "base/limits.h"
#include "catalog/catalog.h"

struct stanza {
	struct pkg pkg;
	struct span status;
	bool began;
};

/* What a state (the third word of Status) says about the files, dpkg(1) "PACKAGE STATES". */
static const struct state {
	const char *name;
	bool present;
	const char *doubt;
} states[] = {
    {"installed", true, NULL},
    {"triggers-pending", true, NULL},
    {"triggers-awaited", true, NULL},
    {"unpacked", true, "package is unpacked, but not configured"},
    {"half-configured", true, "package is unpacked, but its configuration did not finish"},
    {"half-installed", true, "package whose installation did not finish"},
    {"config-files", false, NULL},
    {"not-installed", false, NULL},
};

/* A state that is not known counts as present: better one too many than one missed. */
static const struct state *state_of(struct span status)
{
	static const struct state none = {"", true, NULL};
	static const struct state unknown = {"", true, "package in an unknown state"};
	struct span word = {0};

	if (status.n == 0)
		return &none;
	for (unsigned i = 0; i < 3; i++)
		if (!span_word(&status, &word))
			return &unknown;
	for (size_t i = 0; i < COUNT_OF(states); i++)
		if (span_is_icase(word, span_cstr(states[i].name)))
			return &states[i];
	return &unknown;
}

static void finish(struct cat *c, struct stanza *s, struct span type)
{
	const struct state *state = state_of(s->status);

	if (s->began && state->present) {
		s->pkg.type = type;
		if (s->pkg.name.n == 0 || s->pkg.version.n == 0)
			cat_note(c, RMG_E_FORMAT, "dpkg-no-version",
				 "package without a name or a version",
				 s->pkg.name.n ? s->pkg.name : s->pkg.version);
		else
			cat_emit(c, &s->pkg);
		if (state->doubt != NULL)
			cat_note(c, RMG_OK, "dpkg-state", state->doubt, s->pkg.name);
	}
	*s = (struct stanza){0};
}

/* "glibc (2.36-9)", or the name alone where the version is the binary's. */
static void take_source(struct pkg *p, struct span value)
{
	struct span version;

	if (!span_word(&value, &p->src_name))
		return;
	version = span_trim(value);
	if (version.n >= 2 && version.p[0] == '(' && version.p[version.n - 1] == ')')
		p->src_version = span_of(version.p + 1, version.n - 2);
}

static void take(struct stanza *s, struct span key, struct span value)
{
	if (span_is_icase(key, S("Package")))
		s->pkg.name = value;
	else if (span_is_icase(key, S("Version")))
		s->pkg.version = value;
	else if (span_is_icase(key, S("Architecture")))
		s->pkg.arch = value;
	else if (span_is_icase(key, S("Status")))
		s->status = value;
	else if (span_is_icase(key, S("Source")))
		take_source(&s->pkg, value);
	else if (span_is_icase(key, S("Maintainer")))
		s->pkg.vendor = value;
}

static enum rmg_rc parse_stanzas(struct cat *c, struct span bytes, struct span type)
{
	struct rd r = rd_of(bytes);
	struct stanza s = {0};

	while (rd_more(&r)) {
		struct span key, value, line = rd_line(&r);

		if (span_trim(line).n == 0) {
			finish(c, &s, type);
			continue;
		}
		s.began = true;
		if (is_space(line.p[0]))
			continue; /* goes on with a field; none that is read here has more lines */
		if (span_cut(line, ':', &key, &value))
			take(&s, span_trim(key), span_trim(value));
		else
			cat_note(c, RMG_E_FORMAT, "dpkg-line", "line that is no field", line);
	}
	finish(c, &s, type);
	return rd_end(&r);
}

/* What the package brought for dpkg itself lies beside its list, which does not name it:
 * maintainer scripts are executables of the package (deb-*(5)). */
static void own_control_files(struct cat *c)
{
	static const char *const endings[] = {
	    "list",   "md5sums", "conffiles", "preinst",  "postinst", "prerm",
	    "postrm", "config",  "templates", "triggers", "shlibs",   "symbols",
	};
	struct span list = span_basename(cat_file(c)->path);
	struct span folder = span_dirname(cat_file(c)->path);
	size_t stem = list.n - strlen("list");
	char name[256 + 16];

	if (stem > 256)
		return;
	memcpy(name, list.p, stem);
	for (size_t i = 0; i < COUNT_OF(endings); i++) {
		struct span ending = span_cstr(endings[i]);

		memcpy(name + stem, ending.p, ending.n);
		cat_own_in(c, folder, span_of(name, stem + ending.n));
	}
}

/* NAME.list or NAME:ARCH.list; folders stand in it before what is in them. */
static enum rmg_rc parse_list(struct cat *c, struct span bytes, struct pkg of)
{
	struct rd r = rd_of(bytes);
	struct span path = rd_line(&r);

	(void)span_cut(of.name, ':', &of.name, &of.arch);
	cat_own(c, &of);
	own_control_files(c);
	while (path.n || rd_more(&r)) {
		struct span next = rd_line(&r);
		bool is_folder =
		    span_starts(next, path) && next.n > path.n && next.p[path.n] == '/';

		if (path.n && !is_folder)
			cat_own_path(c, path);
		path = next;
	}
	return rd_end(&r);
}

/* "32 hexadecimal digits, two spaces, path", as md5sum(1) writes. */
static enum rmg_rc parse_md5sums(struct cat *c, struct span bytes, struct pkg of)
{
	struct rd r = rd_of(bytes);

	cat_own(c, &of);
	while (rd_more(&r)) {
		struct span line = rd_line(&r), sum;

		if (!span_word(&line, &sum))
			continue;
		line = span_trim(line);
		if (sum.n == 32 && line.n)
			cat_own_path(c, line);
		else
			cat_note(c, RMG_E_UNSUPPORTED, "dpkg-md5sums",
				 "row that is no checksum; its file counts as nobody's", line);
	}
	return rd_end(&r);
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct span path = cat_file(c)->path, name = span_basename(path);
	bool in_dpkg = span_starts(path, S("var/lib/dpkg/"));
	struct pkg of = {.type = in_dpkg ? S("deb") : S("opkg"), .name = name};

	if (span_ends(name, S(".list"))) {
		of.name.n -= strlen(".list");
		return parse_list(c, bytes, of);
	}
	if (span_ends(name, S(".md5sums"))) {
		of.name.n -= strlen(".md5sums");
		return parse_md5sums(c, bytes, of);
	}
	return parse_stanzas(c, bytes, of.type);
}

const struct cataloger catalog_dpkg = {
    .name = "dpkg",
    .globs =
	(const char *const[]){
	    "var/lib/dpkg/status",
	    "var/lib/dpkg/status.d/*",
	    "var/lib/dpkg/info/*.list",
	    "usr/lib/opkg/status",
	    "usr/lib/opkg/info/*.list",
	    "var/lib/opkg/status",
	    "var/lib/opkg/info/*.list",
	    NULL,
	},
    .parse = parse,
    .max_bytes = MIB(128),
};
