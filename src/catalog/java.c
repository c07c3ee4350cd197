/* SPDX-License-Identifier: Apache-2.0 */
/* java.c - Java archives (JAR File Specification, Maven's archiver), and archives inside them.
 *
 * Each pom.properties in an archive is a package: the archive's own, or one that was shaded into
 * it. An archive without one of its own is named by its file name, with the group that the
 * manifest, its classes' folder or a table of well-known artifacts gives: the group may then be a
 * guess. Only META-INF and archives are unpacked; classes are seen as names. An archive inside one
 * that is stored is read in place, a packed one is in memory until it is done. */
#include <inttypes.h>

#include "base/limits.h"
#include "catalog/catalog.h"
#include "catalog/java_name.h"
#include "format/zip.h"

struct walk {
	struct cat *c;
	struct zip_work work;
};

/* One archive being read. */
struct archive {
	struct span
	    inner; /* where inside the file: "" the file itself, "lib/a.jar", "lib/a.jar!b.jar" */
	struct span name; /* the archive's file name */
	unsigned depth;
	struct zip zip;
	struct manifest manifest;
	struct gav own;       /* of the pom.properties that is the archive's */
	struct gav file;      /* of the file name */
	struct span packages; /* the folder that all classes so far share */
	bool has_classes;
	size_t poms;
	bool alike; /* one of them may well be the archive's, by another spelling */
};

/* Extensions with a meaning of their own elsewhere must begin like a ZIP file as well. */
static const char *const plain[] = {".jar", ".war", ".ear"};
static const char *const others[] = {".par", ".sar", ".nar",  ".jpi",
				     ".hpi", ".kar", ".lpkg", ".rar"};

static bool ends_in(struct span name, const char *const *ends, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_ends_icase(name, span_cstr(ends[i])))
			return true;
	}
	return false;
}

/* Empty files stand in for archives that a build left out; nothing can be in them. */
static bool is_archive(struct span name, uint64_t size, struct span head)
{
	if (size == 0)
		return false;
	return ends_in(name, plain, COUNT_OF(plain)) ||
	       (ends_in(name, others, COUNT_OF(others)) && zip_is(head));
}

static bool wants(const struct cat_file *f)
{
	return is_archive(f->path, f->size, f->head);
}

static struct span below(const struct walk *w, const struct archive *a, struct span name)
{
	if (a->inner.n == 0)
		return name;
	return ARENA_JOIN(cat_scratch(w->c), a->inner, S("!"), name);
}

/* Whatever a note is about here is lost, also what is only unsupported: something is in there. */
static void lost(const struct walk *w, struct span inner, enum rmg_rc rc, const struct rmg_err *err)
{
	char text[sizeof(err->msg) + 32];

	snprintf(text, sizeof(text), "Java archive: %s", err->msg);
	cat_note(w->c, rc == RMG_E_UNSUPPORTED ? RMG_E_FORMAT : rc, "java-archive", text, inner);
}

static bool unpack(struct walk *w, const struct archive *a, const struct zip_entry *e,
		   struct zip_data *out)
{
	struct rmg_err err;
	enum rmg_rc rc = zip_read(&a->zip, e, &w->work, out, &err);

	if (rc)
		lost(w, below(w, a, e->name), rc, &err);
	return rc == RMG_OK;
}

static void emit(struct walk *w, const struct gav *g, struct span license, struct span inner)
{
	struct pkg p = {
	    .type = S("maven"),
	    .ns = g->group,
	    .name = g->artifact,
	    .version = g->version,
	    .license = license,
	};

	cat_emit_inner(w->c, &p, inner);
}

static struct gav dup_gav(struct arena *a, const struct gav *g)
{
	return (struct gav){
	    .group = arena_dup(a, g->group),
	    .artifact = arena_dup(a, g->artifact),
	    .version = arena_dup(a, g->version),
	};
}

static void take_pom(struct walk *w, struct archive *a, const struct zip_entry *e)
{
	struct zip_data d;
	struct gav g;

	if (!unpack(w, a, e, &d))
		return;
	a->poms++;
	if (gav_read(d.s, &g)) {
		if (a->own.artifact.n == 0 && span_is(g.artifact, a->file.artifact))
			a->own = dup_gav(cat_scratch(w->c), &g);
		else
			emit(w, &g, S(""), below(w, a, e->name));
		a->alike = a->alike || gav_is_alike(&g, &a->file);
	}
	zip_data_done(&d);
}

static void take_manifest(struct walk *w, struct archive *a, const struct zip_entry *e)
{
	struct zip_data d;
	struct arena *scratch = cat_scratch(w->c);

	if (!unpack(w, a, e, &d))
		return;
	manifest_read(arena_dup(scratch, d.s), scratch, &a->manifest);
	zip_data_done(&d);
	a->file = gav_of_file(a->name, &a->manifest);
}

/* Shortens packages to the folders that this class is in as well. */
static void take_class(struct archive *a, struct span name)
{
	struct span folder = span_dirname(name);
	size_t n = 0, whole = 0;

	if (folder.n == 0 || span_starts(folder, S("META-INF")))
		return;
	if (!a->has_classes) {
		a->packages = folder;
		a->has_classes = true;
		return;
	}
	while (n < folder.n && n < a->packages.n && folder.p[n] == a->packages.p[n]) {
		if (folder.p[n] == '/')
			whole = n;
		n++;
	}
	if ((n == folder.n || folder.p[n] == '/') &&
	    (n == a->packages.n || a->packages.p[n] == '/'))
		whole = n;
	a->packages = span_head(a->packages, whole);
}

/* What the archive is by its name. */
static struct gav by_name(struct walk *w, const struct archive *a)
{
	struct gav g = a->file;
	const struct manifest *m = &a->manifest;
	const struct span versions[] = {m->implementation_version, m->plugin_version,
					m->bundle_version, m->specification_version};

	for (size_t i = 0; i < COUNT_OF(versions) && g.version.n == 0; i++)
		g.version = versions[i];
	g.group = java_group(g.artifact, m, a->packages, cat_scratch(w->c));
	return g;
}

static void emit_archive(struct walk *w, const struct archive *a)
{
	struct gav g = a->own;
	struct span license = a->manifest.bundle_license, parameters;

	if (g.artifact.n == 0) {
		/* "app.jar" adds nothing to what its pom.properties have named. */
		if (a->manifest.weaves.n || (a->poms && a->file.version.n == 0) ||
		    (a->poms == 1 && a->alike))
			return;
		g = by_name(w, a);
	}
	(void)span_cut(license, ';', &license, &parameters);
	emit(w, &g, span_trim(license), a->inner);
}

static void read_archive(struct walk *w, struct archive *a, struct span bytes);

static void too_deep(const struct walk *w, struct span inner)
{
	char text[100];

	snprintf(text, sizeof text,
		 "Java archive: nested too deeply, beyond the %" PRIu32
		 " that are read (max-depth)",
		 cat_limits(w->c).depth);
	cat_note(w->c, RMG_E_LIMIT, "java-archive", text, inner);
}

static void take_nested(struct walk *w, const struct archive *outer, const struct zip_entry *e)
{
	struct archive a = {
	    .inner = below(w, outer, e->name),
	    .name = e->name,
	    .depth = outer->depth + 1,
	};
	struct zip_data d;

	if (a.depth > cat_limits(w->c).depth) {
		too_deep(w, a.inner);
		return;
	}
	if (!unpack(w, outer, e, &d))
		return;
	if (is_archive(e->name, d.s.n, d.s))
		read_archive(w, &a, d.s);
	zip_data_done(&d);
}

static void take_entry(struct walk *w, struct archive *a, const struct zip_entry *e)
{
	if (span_ends(e->name, S(".class")))
		take_class(a, e->name);
	else if (span_is_icase(e->name, S("META-INF/MANIFEST.MF")))
		take_manifest(w, a, e);
	else if (span_ends(e->name, S("/pom.properties")) &&
		 span_has(e->name, S("META-INF/maven/")))
		take_pom(w, a, e);
	else if (ends_in(e->name, plain, COUNT_OF(plain)) ||
		 ends_in(e->name, others, COUNT_OF(others)))
		take_nested(w, a, e);
}

static void read_archive(struct walk *w, struct archive *a, struct span bytes)
{
	enum rmg_rc rc;
	struct zip_entry e;
	struct zip_iter it;
	struct rmg_err err;

	rc = zip_open(bytes, &a->zip, &err);
	if (rc) {
		lost(w, a->inner, rc, &err);
		return;
	}
	a->file = gav_of_file(a->name, &a->manifest);
	for (it = zip_iter(&a->zip); zip_next(&it, &e);)
		take_entry(w, a, &e);
	rc = zip_end(&it, &err);
	if (rc)
		lost(w, a->inner, rc, &err);
	emit_archive(w, a);
}

static enum rmg_rc parse(struct cat *c, struct span bytes)
{
	struct walk w = {.c = c, .work = zip_work(LIMIT_ZIP_TOTAL_BYTES)};
	struct archive a = {.name = cat_file(c)->path};

	w.work.member_bytes = MIN_OF(w.work.member_bytes, cat_limits(c).file_bytes);
	read_archive(&w, &a, bytes);
	zip_work_done(&w.work);
	return RMG_OK;
}

const struct cataloger catalog_java = {
    .name = "java",
    .globs = (const char *const[]){"**/*.jar", "**/*.war", "**/*.ear", "**/*.par", "**/*.sar",
				   "**/*.nar", "**/*.jpi", "**/*.hpi", "**/*.kar", "**/*.lpkg",
				   "**/*.rar", NULL},
    .wants = wants,
    .parse = parse,
    .max_bytes = LIMIT_FILE_HELD_BYTES,
};
