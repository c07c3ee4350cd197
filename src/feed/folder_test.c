/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that is kept up with against one that is read anew: edits at random, files that break,
 * paths that are told. */
#include "feed/folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "io/file.h"
#include "vuln/advdb.h"

struct world {
	char dir[64];
	struct feed_folder *f;
	struct rmg_db_opts opts;
	unsigned warnings;
	time_t clock; /* of files: each that is written is newer, and all are old */
};

static void count_warning(void *user, const char *text)
{
	struct world *w = user;

	assert_true(strlen(text) > 0);
	w->warnings++;
}

static void begin(struct world *w)
{
	*w = (struct world){.dir = "/tmp/rummage-folder-XXXXXX", .clock = 1000000000};
	w->opts = (struct rmg_db_opts)RMG_DB_OPTS;
	w->opts.warn = count_warning;
	w->opts.user = w;
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(setenv("SOURCE_DATE_EPOCH", "1900000000", 1), 0);
	assert_int_equal(feed_folder_open(w->dir, &w->opts, &w->f, NULL), RMG_OK);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void end(struct world *w)
{
	feed_folder_close(w->f);
	assert_int_equal(nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static void put(struct world *w, const char *name, const char *text)
{
	struct timespec times[2] = {{.tv_sec = ++w->clock}, {.tv_sec = w->clock}};
	char *path = file_join(w->dir, name), *slash;

	assert_non_null(path);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(path, NULL), RMG_OK);
	*slash = '/';
	assert_int_equal(file_write(path, span_cstr(text), NULL), RMG_OK);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	free(path);
}

static void take_away(struct world *w, const char *name)
{
	char *path = file_join(w->dir, name);

	assert_non_null(path);
	(void)!unlink(path);
	free(path);
}

static struct feed_refresh refresh(struct world *w)
{
	struct feed_refresh said;

	assert_int_equal(feed_folder_refresh(w->f, NULL, 0, &said, NULL), RMG_OK);
	return said;
}

static struct span database(struct feed_folder *f)
{
	struct span file = {0};
	enum rmg_rc rc = feed_folder_database(f, &file, NULL, NULL);

	assert_true(rc == RMG_OK || rc == RMG_E_NOTFOUND);
	return file;
}

/* What a folder says that reads all of it now. */
static struct span anew(struct world *w)
{
	struct feed_folder *f;
	struct feed_refresh said;
	struct span file;

	assert_int_equal(feed_folder_open(w->dir, &w->opts, &f, NULL), RMG_OK);
	assert_int_equal(feed_folder_refresh(f, NULL, 0, &said, NULL), RMG_OK);
	file = database(f);
	feed_folder_close(f);
	return file;
}

static void assert_as_new(struct world *w)
{
	struct span is = database(w->f), should = anew(w);

	assert_true(span_is(is, should));
	file_free(&is);
	file_free(&should);
}

static uint32_t roll(uint64_t *state, uint32_t below)
{
	*state = hash_mix(*state + PATH_ROOT);
	return (uint32_t)(*state >> 33) % below;
}

/* Records of few ids, packages and CVEs, so that folders hold copies, older copies and others'
 * records for the same CVE. */
static void put_record(struct world *w, uint64_t *r, const char *name)
{
	static const char *const severities[] = {"LOW", "CRITICAL", ""};
	char text[1024];

	snprintf(text, sizeof text,
		 "{\"id\":\"%s-%u\",\"modified\":\"2026-01-0%uT00:00:00Z\",\"aliases\":[\"CVE-2030-"
		 "000%u\"],\"database_specific\":{\"severity\":\"%s\"},\"affected\":[{\"package\":{"
		 "\"ecosystem\":\"%s\",\"name\":\"p%u\"},\"ranges\":[{\"type\":\"ECOSYSTEM\","
		 "\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"%u\"}]}]}]}",
		 roll(r, 2) ? "GHSA" : "X", roll(r, 6), 1 + roll(r, 4), roll(r, 6),
		 severities[roll(r, 3)], roll(r, 2) ? "npm" : "PyPI", roll(r, 5), roll(r, 9));
	put(w, name, text);
}

static void put_table(struct world *w, uint64_t *r, const char *name)
{
	uint32_t cve = roll(r, 6), n = roll(r, 9);
	char text[512];

	if (strstr(name, "epss"))
		snprintf(text, sizeof text, "cve,epss,percentile\nCVE-2030-000%u,0.%u,0.5\n", cve,
			 n);
	else if (strstr(name, "kev"))
		snprintf(text, sizeof text,
			 "{\"vulnerabilities\":[{\"cveID\":\"CVE-2030-000%u\",\"dateAdded\":"
			 "\"2030-01-0%u\"}]}",
			 cve, n);
	else if (strstr(name, "severity"))
		snprintf(text, sizeof text,
			 "#cve\tvector\nCVE-2030-000%u\tCVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:%c/I:N/"
			 "A:N\n",
			 cve, n % 2 ? 'H' : 'L');
	else if (strstr(name, "tracker"))
		snprintf(text, sizeof text,
			 "{\"p%u\":{\"CVE-2030-000%u\":{\"releases\":{\"bookworm\":{\"status\":"
			 "\"resolved\",\"fixed_version\":\"%u-1\"}}}}}",
			 n % 3, cve, n);
	else
		snprintf(text, sizeof text,
			 "{\"packages\":[{\"pkg\":{\"name\":\"p%u\",\"secfixes\":{\"%u-r0\":["
			 "\"CVE-2030-000%u\"]}}}]}",
			 n % 3, n, cve);
	put(w, name, text);
}

static const char *const names[] = {
    "osv/npm/a.json",
    "osv/npm/b.json",
    "osv/npm/c.json",
    "osv/npm/d.json",
    "osv/PyPI/a.json",
    "osv/PyPI/b.json",
    "osv/PyPI/c.json",
    "osv/PyPI/d.json",
    "osv/GIT/a.json",
    "epss.csv",
    "kev.json",
    "severity/nvd.tsv",
    "debian/tracker.json",
    "alpine-secdb/v3.17/main.json",
    "alpine-secdb/edge/community.json",
};

/* Changes one file, new, other, or no more; its name. */
static const char *edit(struct world *w, uint64_t *r)
{
	const char *name = names[roll(r, COUNT_OF(names))];

	if (roll(r, 5) == 0)
		take_away(w, name);
	else if (span_starts(span_cstr(name), S("osv/")))
		put_record(w, r, name);
	else
		put_table(w, r, name);
	return name;
}

static void test_edits_give_what_all_files_give(void **state)
{
	struct feed_refresh said;
	struct world w;
	uint64_t r = 7;

	(void)state;
	begin(&w);
	put(&w, "fetched.tsv", "osv\t2026-02-03T04:05:06Z\n");
	for (unsigned i = 0; i < 40; i++)
		(void)edit(&w, &r);
	for (unsigned step = 0; step < 150; step++) {
		const char *changed[4];
		size_t n = 1 + roll(&r, COUNT_OF(changed));

		for (size_t i = 0; i < n; i++)
			changed[i] = edit(&w, &r);
		/* Told of, or found. */
		assert_int_equal(
		    feed_folder_refresh(w.f, step % 2 ? changed : NULL, n, &said, NULL), RMG_OK);
		assert_int_equal(said.failed, 0);
		assert_in_range(said.read + said.gone, 0, step ? n : COUNT_OF(names));
		assert_as_new(&w);
	}
	assert_int_equal(w.warnings, 0);
	end(&w);
}

static void test_nothing_changed_reads_nothing(void **state)
{
	struct world w;
	uint64_t r = 3;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put_record(&w, &r, "osv/npm/a.json");
	put_table(&w, &r, "kev.json");
	assert_int_equal(refresh(&w).read, 2);
	assert_int_equal(refresh(&w).read, 0);
	take_away(&w, "kev.json");
	assert_int_equal(refresh(&w).gone, 1);
	assert_as_new(&w);
	end(&w);
}

static void test_broken_file_keeps_what_it_said(void **state)
{
	static const char *const broken[] = {"", "{", "<!doctype html><title>503</title>",
					     "{\"a\":1}"};
	struct world w;
	uint64_t r = 5;

	(void)state;
	begin(&w);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)(i < 9 ? put_record(&w, &r, names[i]) : put_table(&w, &r, names[i]));
	(void)refresh(&w);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct span was = database(w.f), is;

		for (size_t k = 0; k < COUNT_OF(broken) - (i == 12); k++) {
			struct feed_refresh said;

			put(&w, names[i], broken[k]);
			said = refresh(&w);
			assert_int_equal(said.failed, 1);
			assert_int_equal(said.read + said.gone, 0);
			assert_non_null(strstr(said.first.msg, names[i]));
			is = database(w.f);
			assert_true(span_is(is, was));
			file_free(&is);
		}
		file_free(&was);
		if (i < 9)
			put_record(&w, &r, names[i]);
		else
			put_table(&w, &r, names[i]);
		assert_int_equal(refresh(&w).failed, 0);
		assert_as_new(&w);
	}
	end(&w);
}

static void test_broken_from_the_start(void **state)
{
	struct feed_refresh said;
	struct world w;
	uint64_t r = 5;

	(void)state;
	begin(&w);
	put_record(&w, &r, "osv/npm/a.json");
	put(&w, "osv/npm/b.json", "{");
	put(&w, "debian/tracker.json", "<html>");
	said = refresh(&w);
	assert_int_equal(said.failed, 1); /* the record is warned of */
	assert_non_null(strstr(said.first.msg, "tracker.json"));
	assert_int_equal(w.warnings, 1);
	put_table(&w, &r, "debian/tracker.json");
	put_record(&w, &r, "osv/npm/b.json");
	assert_int_equal(refresh(&w).failed, 0);
	assert_as_new(&w);
	end(&w);
}

static void test_empty_folder_takes_nothing_away(void **state)
{
	struct feed_refresh said;
	struct world w;
	struct span was, is;
	uint64_t r = 9;

	(void)state;
	begin(&w);
	assert_int_equal(feed_folder_refresh(w.f, NULL, 0, &said, NULL), RMG_E_NOTFOUND);
	put_record(&w, &r, "osv/npm/a.json");
	(void)refresh(&w);
	was = database(w.f);
	take_away(&w, "osv/npm/a.json");
	assert_int_equal(feed_folder_refresh(w.f, NULL, 0, &said, NULL), RMG_E_NOTFOUND);
	is = database(w.f);
	assert_true(span_is(is, was));
	file_free(&is);
	file_free(&was);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_edits_give_what_all_files_give),
	    cmocka_unit_test(test_nothing_changed_reads_nothing),
	    cmocka_unit_test(test_broken_file_keeps_what_it_said),
	    cmocka_unit_test(test_broken_from_the_start),
	    cmocka_unit_test(test_empty_folder_takes_nothing_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
