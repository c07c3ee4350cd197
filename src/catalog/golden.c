/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog/golden.h"

#include <ftw.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/limits.h"

struct column {
	const char *name;
	size_t off; /* of a struct span */
};

static const struct column pkg_columns[] = {
    {"type", offsetof(struct fact_pkg, pkg.type)},
    {"namespace", offsetof(struct fact_pkg, pkg.ns)},
    {"name", offsetof(struct fact_pkg, pkg.name)},
    {"version", offsetof(struct fact_pkg, pkg.version)},
    {"arch", offsetof(struct fact_pkg, pkg.arch)},
    {"source", offsetof(struct fact_pkg, pkg.src_name)},
    {"source_version", offsetof(struct fact_pkg, pkg.src_version)},
    {"license", offsetof(struct fact_pkg, pkg.license)},
    {"vendor", offsetof(struct fact_pkg, pkg.vendor)},
    {"module", offsetof(struct fact_pkg, pkg.module)},
    {"cpe", offsetof(struct fact_pkg, pkg.cpe)},
    {"claims", offsetof(struct fact_pkg, pkg.claims)},
    {"build", offsetof(struct fact_pkg, pkg.build)},
    {"path", offsetof(struct fact_pkg, path)},
    {"inner", offsetof(struct fact_pkg, inner)},
    {NULL, 0},
};

struct leveled {
	struct span level;
	struct note note;
};

static const struct column note_columns[] = {
    {"level", offsetof(struct leveled, level)},
    {"code", offsetof(struct leveled, note.code)},
    {"path", offsetof(struct leveled, note.path)},
    {"text", offsetof(struct leveled, note.text)},
    {NULL, 0},
};

struct ranked {
	struct span rank, refines;
	struct fact_os os;
	char digits[16];
};

static const struct column os_columns[] = {
    {"rank", offsetof(struct ranked, rank)},
    {"refines", offsetof(struct ranked, refines)},
    {"path", offsetof(struct ranked, os.path)},
    {"id", offsetof(struct ranked, os.id)},
    {"id_like", offsetof(struct ranked, os.id_like)},
    {"version_id", offsetof(struct ranked, os.version_id)},
    {"version", offsetof(struct ranked, os.version)},
    {"codename", offsetof(struct ranked, os.codename)},
    {"name", offsetof(struct ranked, os.name)},
    {"variant_id", offsetof(struct ranked, os.variant_id)},
    {"cpe", offsetof(struct ranked, os.cpe)},
    {"build_id", offsetof(struct ranked, os.build_id)},
    {NULL, 0},
};

NORETURN static void die(const char *what, const char *where)
{
	fprintf(stderr, "golden: %s: %s\n", what, where);
	exit(2);
}

void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i]);
	VEC_DONE(r);
}

static int row_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void rows_sort(struct rows *r)
{
	size_t kept = 0;

	if (r->n)
		qsort(r->v, r->n, sizeof(*r->v), row_cmp);
	for (size_t i = 0; i < r->n; i++) {
		if (kept && strcmp(r->v[i], r->v[kept - 1]) == 0)
			free(r->v[i]);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
}

static void rows_add(struct rows *r, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL || !VEC_PUSH(r, copy))
		die("out of memory", "rows");
}

static int path_found(const char *path, const struct stat *st, int kind, struct FTW *at);

/* nftw() hands nothing through: the one variable of this file. */
static struct rows *walked;

static int path_found(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)at;
	if (kind == FTW_F && S_ISREG(st->st_mode))
		rows_add(walked, path);
	return 0;
}

static struct span read_whole(const char *path, uint32_t *mode)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;
	size_t n;

	if (f == NULL || fstat(fileno(f), &st) != 0)
		die("cannot read", path);
	bytes = malloc((size_t)st.st_size + 1);
	if (bytes == NULL)
		die("out of memory", path);
	n = fread(bytes, 1, (size_t)st.st_size, f);
	if (n != (size_t)st.st_size)
		die("short read", path);
	fclose(f);
	*mode = st.st_mode & 07777;
	return span_of(bytes, n);
}

static void run_file(const char *real, struct span path, uint64_t who, struct facts_builder *out,
		     struct arena *scratch)
{
	struct cat_file file = {.path = path};
	struct span bytes = read_whole(real, &file.mode);

	file.size = bytes.n;
	file.head = span_head(bytes, LIMIT_HEAD_BYTES);
	for (unsigned i = 0; catalogers[i] != NULL; i++)
		if (who >> i & 1 && catalog_wants(catalogers[i], &file))
			catalog_run(catalogers[i], &file, bytes, out, scratch);
	free((void *)(uintptr_t)bytes.p);
}

void golden_run(const char *root, const struct cataloger *only, size_t scratch_bytes,
		struct facts_builder *out)
{
	struct catalog_select *select;
	struct arena scratch;
	struct rows files = {0};
	uint64_t mask = UINT64_MAX;

	for (unsigned i = 0; only != NULL && catalogers[i] != NULL; i++)
		if (catalogers[i] == only)
			mask = UINT64_C(1) << i;
	if (catalog_select_new(&select) != RMG_OK)
		die("out of memory", root);
	walked = &files;
	if (nftw(root, path_found, 16, FTW_PHYS) != 0)
		die("cannot walk", root);
	rows_sort(&files);
	arena_init(&scratch, scratch_bytes);
	for (size_t i = 0; i < files.n; i++) {
		struct span path = span_cstr(files.v[i] + strlen(root));
		uint64_t who;

		while (span_starts(path, S("/")))
			path = span_from(path, 1);
		who = catalog_select(select, path) & mask;
		if (who)
			run_file(files.v[i], path, who, out, &scratch);
	}
	arena_done(&scratch);
	rows_done(&files);
	catalog_select_free(select);
}

static void put_value(struct strbuf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\t')
			strbuf_puts(b, "\\t");
		else if (s.p[i] == '\n')
			strbuf_puts(b, "\\n");
		else if (s.p[i] == '\\')
			strbuf_puts(b, "\\\\");
		else
			strbuf_putc(b, (char)s.p[i]);
	}
}

static struct span column_of(const void *object, const struct column *columns, struct span name)
{
	for (; columns->name != NULL; columns++) {
		struct span value;

		if (!span_is(name, span_cstr(columns->name)))
			continue;
		memcpy(&value, (const char *)object + columns->off, sizeof(value));
		return value;
	}
	die("unknown column", "the first line of a table");
}

static void put_row(struct strbuf *b, const void *object, const struct column *columns,
		    struct span names)
{
	struct span name;
	bool first = true;

	while (span_next(&names, '\t', &name)) {
		if (!first)
			strbuf_putc(b, '\t');
		put_value(b, column_of(object, columns, name));
		first = false;
	}
}

static void rows_of(const void *objects, size_t n, size_t each, const struct column *columns,
		    struct span names, struct rows *out)
{
	struct strbuf b = strbuf_of(MIB(1));

	for (size_t i = 0; i < n; i++) {
		strbuf_clear(&b);
		put_row(&b, (const char *)objects + i * each, columns, names);
		if (strbuf_rc(&b) != RMG_OK)
			die("out of memory", "a row");
		rows_add(out, strbuf_cstr(&b));
	}
	strbuf_done(&b);
	rows_sort(out);
}

/* Where no source is said it is the package itself: as every tool prints it. */
static struct fact_pkg *with_sources(const struct facts *f)
{
	struct fact_pkg *all = calloc(f->n_pkgs + 1, sizeof(*all));

	if (all == NULL)
		die("out of memory", "packages");
	for (size_t i = 0; i < f->n_pkgs; i++) {
		struct pkg *p = &all[i].pkg;

		all[i] = f->pkgs[i];
		if (p->src_name.n == 0)
			p->src_name = p->name;
		if (p->src_version.n == 0)
			p->src_version = p->version;
	}
	return all;
}

void golden_pkgs(const struct facts *f, struct span names, struct rows *out)
{
	struct fact_pkg *all = with_sources(f);

	rows_of(all, f->n_pkgs, sizeof(*all), pkg_columns, names, out);
	free(all);
}

static struct leveled *level_notes(const struct facts *f)
{
	static const char *const levels[] = {"info", "warn", "lost"};
	struct leveled *all = calloc(f->n_notes + 1, sizeof(*all));

	if (all == NULL)
		die("out of memory", "notes");
	for (size_t i = 0; i < f->n_notes; i++)
		all[i] = (struct leveled){span_cstr(levels[f->notes[i].level]), f->notes[i]};
	return all;
}

void golden_notes(const struct facts *f, struct span names, struct rows *out)
{
	struct leveled *all = level_notes(f);

	rows_of(all, f->n_notes, sizeof(*all), note_columns, names, out);
	free(all);
}

static struct ranked *rank_oses(const struct facts *f)
{
	struct ranked *all = calloc(f->n_oses + 1, sizeof(*all));

	if (all == NULL)
		die("out of memory", "distributions");
	for (size_t i = 0; i < f->n_oses; i++) {
		all[i].os = f->oses[i];
		snprintf(all[i].digits, sizeof(all[i].digits), "%u", f->oses[i].rank);
		all[i].rank = span_cstr(all[i].digits);
		all[i].refines = f->oses[i].refines ? S("yes") : S("");
	}
	return all;
}

void golden_oses(const struct facts *f, struct span names, struct rows *out)
{
	struct ranked *all = rank_oses(f);

	rows_of(all, f->n_oses, sizeof(*all), os_columns, names, out);
	free(all);
}

static bool owned_has(const struct facts *f, const struct fact_owned *o, struct span path)
{
	uint64_t hash = hash_span(span_basename(path));
	size_t at = 0;

	for (size_t i = 0; i < o->n_dirs; i++) {
		bool here = span_is(f->paths[o->dirs[i]], span_dirname(path));

		for (size_t k = 0; here && k < o->counts[i]; k++)
			if (o->names[at + k] == hash)
				return true;
		at += o->counts[i];
	}
	return false;
}

bool golden_owns(const struct facts *f, struct span name, struct span arch, struct span path)
{
	for (size_t i = 0; i < f->n_owned; i++) {
		const struct fact_owned *o = &f->owned[i];

		if (span_is(o->name, name) && (arch.n == 0 || span_is(o->arch, arch)) &&
		    owned_has(f, o, path))
			return true;
	}
	return false;
}

static void dump_owned(const struct facts *f, const struct fact_owned *o, struct strbuf *out)
{
	size_t at = 0;

	strbuf_printf(out, "owned " SPAN_FMT " " SPAN_FMT " " SPAN_FMT "\n", SPAN_ARG(o->type),
		      SPAN_ARG(o->name), SPAN_ARG(o->version));
	for (size_t i = 0; i < o->n_dirs; i++) {
		strbuf_put(out, f->paths[o->dirs[i]]);
		for (size_t k = 0; k < o->counts[i]; k++)
			strbuf_printf(out, " %016llx", (unsigned long long)o->names[at + k]);
		strbuf_putc(out, '\n');
		at += o->counts[i];
	}
}

static void dump_objects(const char *kind, const void *objects, size_t n, size_t each,
			 const struct column *columns, struct strbuf *out)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(out, kind);
		for (const struct column *c = columns; c->name != NULL; c++) {
			const void *object = (const char *)objects + i * each;
			struct span value = column_of(object, columns, span_cstr(c->name));

			if (value.n == 0)
				continue;
			strbuf_printf(out, "\t%s=", c->name);
			put_value(out, value);
		}
		strbuf_putc(out, '\n');
	}
}

void golden_dump(const struct facts *f, struct strbuf *out)
{
	struct leveled *notes = level_notes(f);
	struct ranked *oses = rank_oses(f);

	dump_objects("pkg", f->pkgs, f->n_pkgs, sizeof(*f->pkgs), pkg_columns, out);
	dump_objects("os", oses, f->n_oses, sizeof(*oses), os_columns, out);
	dump_objects("note", notes, f->n_notes, sizeof(*notes), note_columns, out);
	free(notes);
	free(oses);
	for (size_t i = 0; i < f->n_owned; i++)
		dump_owned(f, &f->owned[i], out);
}
