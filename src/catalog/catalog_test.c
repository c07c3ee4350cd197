/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_test.c - every cataloger against every case of testdata/catalog/NAME/. A case is a
 * folder:
 *
 *   root/         files as they lie in an image
 *   expected.tsv  packages, as the real tool lists them: catalog/golden.h tells the columns
 *   owned.tsv     name, arch, path: files that packages own; their number must be right, too
 *   os.tsv        distributions
 *   notes.tsv     notes; without it there may be none
 *
 * Each case runs again with less and less memory: the result must then be the same, or say that
 * something is lost. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "catalog/golden.h"

struct golden_case {
	const struct cataloger *cataloger;
	char title[400], dir[700];
};

static bool table_open(const struct golden_case *k, const char *name, FILE **f)
{
	char path[800];

	snprintf(path, sizeof(path), "%s/%s", k->dir, name);
	*f = fopen(path, "r");
	return *f != NULL;
}

/* The next line without its end; NULL at the end. */
static char *table_line(FILE *f, char *line, size_t n)
{
	char *end;

	if (fgets(line, (int)n, f) == NULL)
		return NULL;
	end = strchr(line, '\n');
	if (end != NULL)
		*end = '\0';
	return line;
}

typedef void list_fn(const struct facts *f, struct span names, struct rows *out);

static size_t print_missing(const char *table, const char *how, const struct rows *these,
			    const struct rows *in)
{
	size_t missing = 0;

	for (size_t i = 0; i < these->n; i++) {
		bool found = false;

		for (size_t k = 0; k < in->n && !found; k++)
			found = strcmp(these->v[i], in->v[k]) == 0;
		if (!found)
			print_error("%s: %s: %s\n", table, how, these->v[i]);
		missing += !found;
	}
	return missing;
}

/* Compares a table with what list gives; an absent table stands for no rows at all. */
static void check_table(const struct golden_case *k, const char *table, const char *columns,
			list_fn *list, const struct facts *f)
{
	struct rows want = {0}, have = {0};
	char line[8192], *row;
	FILE *in;

	if (table_open(k, table, &in)) {
		columns = table_line(in, line, sizeof(line));
		assert_non_null(columns);
		list(f, span_cstr(columns), &have);
		while ((row = table_line(in, line, sizeof(line))) != NULL)
			assert_true(VEC_PUSH(&want, strdup(row)));
		fclose(in);
	} else {
		list(f, span_cstr(columns), &have);
	}
	rows_sort(&want);
	assert_int_equal(print_missing(table, "missing", &want, &have) +
			     print_missing(table, "not expected", &have, &want),
			 0);
	rows_done(&want);
	rows_done(&have);
}

/* Files of a package, without those that dpkg keeps beside its list: no tool lists these. */
static size_t count_owned(const struct facts *f, const struct fact_owned *o)
{
	bool keeps = span_ends(o->path, S(".list"));
	size_t n = 0;

	for (size_t d = 0; d < o->n_dirs; d++)
		if (!keeps || !span_is(f->paths[o->dirs[d]], span_dirname(o->path)))
			n += o->counts[d];
	return n;
}

static void check_owned(const struct golden_case *k, const struct facts *f)
{
	size_t want = 0, have = 0, missing = 0;
	char line[8192], *row;
	FILE *in;

	if (!table_open(k, "owned.tsv", &in))
		return;
	(void)table_line(in, line, sizeof(line));
	while ((row = table_line(in, line, sizeof(line))) != NULL) {
		struct span left = span_cstr(row), name = {0}, arch = {0};

		(void)span_next(&left, '\t', &name);
		(void)span_next(&left, '\t', &arch);
		if (!golden_owns(f, name, arch, left)) {
			print_error("owned.tsv: missing: %s\n", row);
			missing++;
		}
		want++;
	}
	fclose(in);
	assert_int_equal(missing, 0);
	for (size_t i = 0; i < f->n_owned; i++)
		have += count_owned(f, &f->owned[i]);
	assert_int_equal(have, want);
}

static struct facts *run(const struct golden_case *k, size_t scratch_bytes,
			 struct facts_builder **b)
{
	struct facts *f;
	char root[800];

	snprintf(root, sizeof(root), "%s/root", k->dir);
	assert_int_equal(facts_builder_new(b), RMG_OK);
	golden_run(root, k->cataloger, scratch_bytes, *b);
	assert_int_equal(facts_done(*b, &f), RMG_OK);
	return f;
}

static bool is_lossy(const struct facts *f)
{
	for (size_t i = 0; i < f->n_notes; i++)
		if (f->notes[i].level == NOTE_LOST)
			return true;
	return false;
}

static void starve(const struct golden_case *k, const struct facts *whole)
{
	struct strbuf want = strbuf_of(MIB(64));

	golden_dump(whole, &want);
	for (size_t bytes = 0; bytes < MIB(1); bytes = bytes * 2 + 64) {
		struct strbuf have = strbuf_of(MIB(64));
		struct facts_builder *b;
		struct facts *f = run(k, bytes, &b);

		golden_dump(f, &have);
		assert_true(is_lossy(f) || span_is(strbuf_span(&want), strbuf_span(&have)));
		strbuf_done(&have);
		facts_builder_free(b);
	}
	strbuf_done(&want);
}

static void check_case(void **state)
{
	const struct golden_case *k = *state;
	struct facts_builder *b;
	struct facts *f = run(k, MIB(512), &b);

	check_table(k, "expected.tsv", "type\tname\tversion\tarch", golden_pkgs, f);
	check_table(k, "os.tsv", "path\tid\tname", golden_oses, f);
	check_table(k, "notes.tsv", "level\tcode\tpath\ttext", golden_notes, f);
	check_owned(k, f);
	starve(k, f);
	facts_builder_free(b);
}

struct cases {
	struct golden_case **v;
	size_t n, cap;
};

static void add_case(struct cases *all, const struct cataloger *c, const char *dir,
		     const char *name)
{
	struct golden_case *k = calloc(1, sizeof(*k));
	struct stat st;
	char root[800];

	assert_non_null(k);
	k->cataloger = c;
	snprintf(k->title, sizeof(k->title), "%s: %s", c->name, name);
	snprintf(k->dir, sizeof(k->dir), "%s/%s", dir, name);
	snprintf(root, sizeof(root), "%s/root", k->dir);
	if (stat(root, &st) != 0 || !VEC_PUSH(all, k))
		free(k);
}

/* A cataloger without a case fails: its folder is missing, or has no root/ in it. */
static size_t add_cases(struct cases *all, const struct cataloger *c)
{
	const char *testdata = getenv("TESTDATA");
	size_t before = all->n;
	struct dirent *entry;
	char dir[400];
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/catalog/%s", testdata ? testdata : "testdata", c->name);
	d = opendir(dir);
	while (d != NULL && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			add_case(all, c, dir, entry->d_name);
	if (d != NULL)
		closedir(d);
	if (all->n == before)
		fprintf(stderr, "%s: no case in %s\n", c->name, dir);
	return all->n - before;
}

static void every_cataloger_has_cases(void **state)
{
	assert_true(*(bool *)*state);
}

/* The index must find what the globs say, for every path that the cases have and some more. */
static void select_agrees_with_globs(void **state)
{
	static const char *const paths[] = {
	    "lib/apk/db/installed",
	    "x/lib/apk/db/installed",
	    "installed",
	    "",
	    "a/b.jar",
	    "var/lib/dpkg/status",
	    "var/lib/dpkg/status.d/base",
	    "usr/lib/node_modules/x/package.json",
	};
	struct catalog_select *s;

	(void)state;
	assert_int_equal(catalog_select_new(&s), RMG_OK);
	for (size_t p = 0; p < COUNT_OF(paths); p++) {
		uint64_t want = 0;

		for (unsigned i = 0; catalogers[i] != NULL; i++) {
			const char *const *glob = catalogers[i]->globs;

			want |= (uint64_t)(glob == NULL) << i;
			for (; glob != NULL && *glob != NULL; glob++)
				want |= (uint64_t)span_glob(span_cstr(*glob), span_cstr(paths[p]))
					<< i;
		}
		assert_true(catalog_select(s, span_cstr(paths[p])) == want);
	}
	catalog_select_free(s);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What one cataloger needs for n bytes of what a sample says, again and again. */
static double time_of(const struct cataloger *c, struct span path, struct span sample, size_t n)
{
	uint8_t *bytes = malloc(n);
	struct cat_file file = {
	    .path = path, .size = n, .head = span_of(bytes, MIN_OF(n, KIB(64)))};
	struct facts_builder *b;
	struct arena scratch;
	double begin;

	assert_non_null(bytes);
	for (size_t at = 0; at < n; at++)
		bytes[at] = sample.p[at % sample.n];
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	arena_init(&scratch, MIB(512));
	begin = cpu_seconds();
	catalog_run(c, &file, span_of(bytes, n), b, &scratch);
	begin = cpu_seconds() - begin;
	arena_done(&scratch);
	facts_builder_free(b);
	free(bytes);
	return begin;
}

/* Four times the bytes may not take much more than four times as long. */
static void catalogers_are_linear(void **state)
{
	static const struct {
		const struct cataloger *cataloger;
		const char *path, *sample;
	} hostile[] = {
	    {&catalog_apk, "lib/apk/db/installed", "P:a\nV:1\nF:usr\nR:x\nR:y\n\n"},
	    {&catalog_apk, "lib/apk/db/installed", "F:a/b/c/d/e/f\nR:x\n"},
	    {&catalog_apk, "lib/apk/db/installed", "x"},
	    {&catalog_dpkg, "var/lib/dpkg/status", "Package: a\nVersion: 1\nSource: b (2)\n\n"},
	    {&catalog_dpkg, "var/lib/dpkg/status", "Package: a\n b\n"},
	    {&catalog_dpkg, "var/lib/dpkg/info/a.list", "/a\n/a/b\n/a/b/c\n"},
	    {&catalog_dpkg, "var/lib/dpkg/info/a.list", "/"},
	    {&catalog_dpkg, "var/lib/dpkg/status.d/a.md5sums", "0 \n"},
	    {&catalog_mariner, "var/lib/rpmmanifest/container-manifest-2", "a\t1\t\t\n"},
	    {&catalog_osrelease, "etc/os-release", "ID=\"a\\\"b\"\nID="},
	    {&catalog_pacman, "var/lib/pacman/local/a-1-1/desc", "%LICENSE%\nMIT\nMIT\n\n"},
	    {&catalog_pacman, "var/lib/pacman/local/a-1-1/files", "%FILES%\na/b\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hostile); i++) {
		struct span path = span_cstr(hostile[i].path),
			    sample = span_cstr(hostile[i].sample);
		size_t n = MIN_OF(KIB(512), hostile[i].cataloger->max_bytes / 4);
		double once = time_of(hostile[i].cataloger, path, sample, n);
		double four = time_of(hostile[i].cataloger, path, sample, 4 * n);

		if (four > 10 * once + 0.1)
			fail_msg("%s: %f s, then %f s", hostile[i].path, once, four);
	}
}

/* A damaged file may have millions of bad lines: some are told, and that there are more. */
static void notes_of_one_file_are_bounded(void **state)
{
	struct cat_file file = {.path = S("lib/apk/db/installed")};
	struct facts_builder *b;
	struct arena scratch;
	struct facts *f;
	char lines[2 * 60 + 1] = "";

	(void)state;
	for (size_t i = 0; i < 60; i++)
		memcpy(lines + 2 * i, "x\n", 3);
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	arena_init(&scratch, MIB(1));
	catalog_run(&catalog_apk, &file, span_cstr(lines), b, &scratch);
	assert_int_equal(facts_done(b, &f), RMG_OK);
	assert_int_equal(f->n_notes, 51);
	assert_int_equal(f->notes[50].level, NOTE_LOST);
	assert_true(span_is(f->notes[50].code, S("more-notes")));
	arena_done(&scratch);
	facts_builder_free(b);
}

static void too_large_a_file_is_lost(void **state)
{
	struct cat_file file = {.path = S("etc/os-release")};
	struct facts_builder *b;
	struct arena scratch = {0};
	struct facts *f;
	uint8_t *bytes = calloc(1, MIB(2));

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(facts_builder_new(&b), RMG_OK);
	catalog_run(&catalog_osrelease, &file, span_of(bytes, MIB(2)), b, &scratch);
	assert_int_equal(facts_done(b, &f), RMG_OK);
	assert_int_equal(f->n_notes, 1);
	assert_int_equal(f->notes[0].level, NOTE_LOST);
	facts_builder_free(b);
	free(bytes);
}

static void table_is_sorted_and_named(void **state)
{
	(void)state;
	for (unsigned i = 0; catalogers[i] != NULL; i++) {
		assert_true(i == 0 || strcmp(catalogers[i - 1]->name, catalogers[i]->name) < 0);
		assert_non_null(strstr(catalog_fingerprint(), catalogers[i]->name));
		assert_true(catalogers[i]->max_bytes > 0);
		assert_true(catalogers[i]->max_bytes <= LIMIT_FILE_HELD_BYTES);
	}
}

int main(int argc, char **argv)
{
	struct cases all = {0};
	struct CMUnitTest *tests;
	bool complete = true;
	size_t n = 0;
	int failed;

	for (unsigned i = 0; catalogers[i] != NULL; i++)
		if (argc < 2 || strcmp(argv[1], catalogers[i]->name) == 0)
			complete = add_cases(&all, catalogers[i]) != 0 && complete;
	tests = calloc(all.n + 6, sizeof(*tests));
	if (tests == NULL)
		return 2;
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(table_is_sorted_and_named);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(select_agrees_with_globs);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(catalogers_are_linear);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(notes_of_one_file_are_bounded);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_large_a_file_is_lost);
	tests[n++] = (struct CMUnitTest){.name = "every cataloger has cases",
					 .test_func = every_cataloger_has_cases,
					 .initial_state = &complete};
	VEC_EACH (k, &all)
		tests[n++] = (struct CMUnitTest){
		    .name = (*k)->title, .test_func = check_case, .initial_state = *k};
	failed = _cmocka_run_group_tests("catalogers", tests, n, NULL, NULL);
	VEC_EACH (k, &all)
		free(*k);
	VEC_DONE(&all);
	free(tests);
	return failed;
}
