/* SPDX-License-Identifier: Apache-2.0 */
/* python.c - installed Python distributions: dist-info (PyPA "Recording installed projects"),
 * egg-info as a folder or a file, and eggs, unpacked or zipped (setuptools' formats).
 *
 * Only the header of METADATA and PKG-INFO counts: the description behind the first blank line
 * often has lines that look like fields. Names stay as written; purl.h and matching normalise.
 * RECORD and installed-files.txt say what a distribution owns outside its own folder. */
#include "base/limits.h"
#include "catalog/catalog.h"
#include "format/zip.h"

#define PATH_ROOM 4096 /* LIMIT_PATH_BYTES, as an array wants it */

struct meta {
	struct span name, version;
	struct span expression, license, license_file, classifiers;
};

/* The last part of "License :: OSI Approved :: MIT License", after those before it. */
static void add_classifier(struct arena *a, struct meta *m, struct span value)
{
	size_t cut = span_rchr(value, ':');
	struct span last = span_trim(cut == SIZE_MAX ? value : span_from(value, cut + 1));

	if (last.n == 0 || span_is(last, S("OSI Approved")) ||
	    m->classifiers.n > LIMIT_LICENSE_BYTES)
		return;
	m->classifiers = m->classifiers.n ? ARENA_JOIN(a, m->classifiers, S(" AND "), last) : last;
}

/* Core metadata's fields; names are case-insensitive as in mail. The first value counts. */
static void take(struct arena *a, struct meta *m, struct span key, struct span value)
{
	const struct {
		struct span key, *to;
	} fields[] = {
	    {S("Name"), &m->name},
	    {S("Version"), &m->version},
	    {S("License-Expression"), &m->expression},
	    {S("License"), &m->license},
	    {S("License-File"), &m->license_file},
	};

	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		if (span_is_icase(key, fields[i].key) && fields[i].to->n == 0)
			*fields[i].to = value;
	}
	if (span_is_icase(key, S("Classifier")) && span_starts(value, S("License ::")))
		add_classifier(a, m, value);
}

static struct meta header(struct arena *a, struct span bytes)
{
	struct rd r = rd_of(span_starts(bytes, S("\xef\xbb\xbf")) ? span_from(bytes, 3) : bytes);
	struct meta m = {0};
	struct span key, value, line;

	while (rd_more(&r) && (line = rd_line(&r)).n != 0) {
		if (is_space(line.p[0])) /* goes on with the field above: a licence's text */
			continue;
		if (span_cut(line, ':', &key, &value))
			take(a, &m, span_trim(key), span_trim(value));
	}
	return m;
}

static bool says_nothing(struct span license)
{
	return license.n == 0 || span_is_icase(license, S("UNKNOWN"));
}

static struct span license_of(const struct meta *m)
{
	if (m->expression.n)
		return m->expression;
	if (m->classifiers.n)
		return m->classifiers;
	return says_nothing(m->license) ? m->license_file : m->license;
}

/* "name-version" of a folder or file "name-version[-py3.11][-linux...].egg-info"; escaped names
 * and versions hold no '-'. False where there is no version in it. */
static bool split_folder(struct span folder, struct span *name, struct span *version)
{
	static const char *const ends[] = {".dist-info", ".egg-info", ".egg"};
	struct span s = span_basename(folder), rest, tag;

	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct span end = span_cstr(ends[i]);

		if (!span_ends(s, end))
			continue;
		s = span_head(s, s.n - end.n);
		if (!span_cut(s, '-', name, &rest))
			return false;
		if (i == 0) { /* old tools left '-' in names */
			return span_rcut(s, '-', name, version) && version->n;
		}
		*version = rest;
		(void)span_cut(rest, '-', version, &tag);
		return version->n && is_digit(version->p[0]);
	}
	return false;
}

/* The folder or file whose name tells name and version: of "x.egg/EGG-INFO/PKG-INFO" the egg. */
static struct span named_place(struct span path)
{
	struct span dir = span_dirname(path);

	if (!span_is(span_basename(path), S("METADATA")) &&
	    !span_is(span_basename(path), S("PKG-INFO")))
		return path;
	return span_is(span_basename(dir), S("EGG-INFO")) ? span_dirname(dir) : dir;
}

static void emit(struct cat *c, struct span bytes, struct span inner)
{
	struct span path = cat_file(c)->path, place = named_place(path), name, version;
	struct meta m = header(cat_scratch(c), bytes);
	struct pkg p = {.type = S("pypi")};

	if ((m.name.n == 0 || m.version.n == 0) && split_folder(place, &name, &version)) {
		m.name = m.name.n ? m.name : name;
		m.version = m.version.n ? m.version : version;
	}
	if (m.name.n == 0 || m.version.n == 0) {
		cat_note(c, RMG_E_FORMAT, "python-no-version",
			 "Python package without a name or a version", m.name);
		return;
	}
	if (span_is(m.name, S("Python"))) /* the interpreter describes its own library so */
		return;
	p.name = m.name;
	p.version = m.version;
	p.license = license_of(&m);
	if (place.n != path.n)
		p.claims = place;
	cat_emit_inner(c, &p, inner);
}

/* A list's path, relative to folder as a rule, made one from the root; ".." goes up. */
static void own(struct cat *c, struct span folder, struct span listed)
{
	uint8_t buf[PATH_ROOM];
	struct span part;
	size_t n = 0;

	if (!span_starts(listed, S("/"))) {
		n = MIN_OF(folder.n, sizeof(buf));
		memcpy(buf, folder.n ? folder.p : (const uint8_t *)"", n);
	}
	while (span_next(&listed, '/', &part)) {
		if (part.n == 0 || span_is(part, S(".")))
			continue;
		if (span_is(part, S(".."))) {
			n = span_dirname(span_of(buf, n)).n;
			continue;
		}
		if (part.n + 1 > sizeof(buf) - n) {
			cat_note(c, RMG_E_LIMIT, "owned-path",
				 "path in a list of files is too long", part);
			return;
		}
		if (n)
			buf[n++] = '/';
		memcpy(buf + n, part.p, part.n);
		n += part.n;
	}
	if (n)
		cat_own_path(c, span_of(buf, n));
}

/* RECORD is CSV: path, hash, size; installed-files.txt has bare paths, relative to its folder. */
static enum rmg_rc list(struct cat *c, struct span bytes, bool csv)
{
	struct span info = span_dirname(cat_file(c)->path), name, version;
	struct span folder = csv ? span_dirname(info) : info;
	struct pkg p = {.type = S("pypi")};
	struct rd r = rd_of(bytes);

	if (!split_folder(info, &name, &version))
		return RMG_OK; /* nothing to tell whose list it is; METADATA beside it is read */
	p.name = name;
	p.version = version;
	cat_own(c, &p);
	while (rd_more(&r)) {
		struct span line = rd_line(&r), rest;

		if (csv && span_starts(line, S("\"")))
			(void)span_cut(span_from(line, 1), '"', &line, &rest);
		else if (csv)
			(void)span_cut(line, ',', &line, &rest);
		if (line.n)
			own(c, folder, line);
	}
	return rd_end(&r);
}

/* A zipped egg: its EGG-INFO/PKG-INFO. */
static enum rmg_rc egg(struct cat *c, struct span bytes)
{
	struct zip_work w = zip_work(LIMIT_ZIP_TOTAL_BYTES);
	enum rmg_rc rc, ended;
	struct zip_data d = {0};
	struct zip_entry e;
	struct zip_iter it;
	struct zip z;

	rc = zip_open(bytes, &z, NULL);
	if (rc)
		return rc == RMG_E_UNSUPPORTED ? RMG_E_FORMAT : rc;
	it = zip_iter(&z);
	while (rc == RMG_OK && zip_next(&it, &e)) {
		if (!span_is(e.name, S("EGG-INFO/PKG-INFO")))
			continue;
		rc = zip_read(&z, &e, &w, &d, NULL);
		if (rc == RMG_OK)
			emit(c, d.s, e.name);
		zip_data_done(&d);
	}
	ended = zip_end(&it, NULL);
	zip_work_done(&w);
	return rc ? rc : ended;
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct span path = cat_file(c)->path, name = span_basename(path);

	if (span_is(name, S("RECORD")) || span_is(name, S("installed-files.txt")))
		return list(c, bytes, span_is(name, S("RECORD")));
	if (span_ends(name, S(".egg")))
		return egg(c, bytes);
	emit(c, bytes, S(""));
	return RMG_OK;
}

/* A file that is only called .egg is none. */
static bool wants(const struct cat_file *f)
{
	return !span_ends(f->path, S(".egg")) || zip_is(f->head);
}

const struct cataloger catalog_python = {
    .name = "python",
    .globs =
	(const char *const[]){
	    "**/*.dist-info/METADATA",
	    "**/*.dist-info/RECORD",
	    "**/*.egg-info",
	    "**/*.egg-info/PKG-INFO",
	    "**/*.egg-info/installed-files.txt",
	    "**/EGG-INFO/PKG-INFO",
	    "**/*.egg",
	    NULL,
	},
    .wants = wants,
    .parse = parse,
    .max_bytes = MIB(64),
};
