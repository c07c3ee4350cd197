/* SPDX-License-Identifier: Apache-2.0 */
/* zip_test.c - testdata/format/zip/ok-*: one and the same two files, packed by Info-ZIP's zip,
 * Python's zipfile and the JDK's jar, with scripts and comments around them; bad-*: changed by
 * hand. */
#include "format/zip.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

static struct span load(const char *name)
{
	static uint8_t bytes[4096];
	char path[1024];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/format/zip/%s", getenv("TESTDATA"), name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	return span_of(bytes, n);
}

static void read_is(const struct zip *z, const struct zip_entry *e, struct zip_work *w)
{
	struct zip_data d;

	assert_int_equal(zip_read(z, e, w, &d, NULL), RMG_OK);
	if (span_is(e->name, S("a.txt"))) {
		assert_true(span_is(d.s, S("alpha\n")));
	} else {
		assert_true(span_is(e->name, S("dir/b.txt")));
		assert_int_equal(d.s.n, 1001);
		assert_memory_equal(d.s.p + 995, "beta \n", 6);
	}
	zip_data_done(&d);
}

static void reads_what_the_tools_write(void **state)
{
	DIR *dir;
	char path[1024];
	unsigned files = 0;

	(void)state;
	snprintf(path, sizeof(path), "%s/format/zip", getenv("TESTDATA"));
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		struct zip_work w = zip_work(1 << 20);
		struct zip_entry e;
		struct zip z;
		unsigned members = 0;

		if (strncmp(d->d_name, "ok-", 3) != 0)
			continue;
		print_message("%s\n", d->d_name);
		assert_int_equal(zip_open(load(d->d_name), &z, NULL), RMG_OK);
		struct zip_iter it = zip_iter(&z);
		while (zip_next(&it, &e)) {
			if (span_ends(e.name, S("/"))) /* jar lists folders too */
				continue;
			read_is(&z, &e, &w);
			members++;
		}
		assert_int_equal(zip_end(&it, NULL), RMG_OK);
		assert_int_equal(members, 2);
		zip_work_done(&w);
		files++;
	}
	closedir(dir);
	assert_in_range(files, 12, 100);
}

/* What becomes of a sample: of opening, of listing, and of reading its first member. */
static void ends(const char *name, enum rmg_rc open, enum rmg_rc list, enum rmg_rc read)
{
	struct zip_work w = zip_work(1 << 30);
	struct zip_data d = {0};
	struct rmg_err err;
	struct zip_entry e;
	struct zip z;

	print_message("%s\n", name);
	assert_int_equal(zip_open(load(name), &z, &err), open);
	if (open == RMG_OK) {
		struct zip_iter it = zip_iter(&z);

		assert_true(zip_next(&it, &e));
		assert_int_equal(zip_read(&z, &e, &w, &d, &err), read);
		zip_data_done(&d);
		while (zip_next(&it, &e))
			;
		assert_int_equal(zip_end(&it, &err), list);
	}
	zip_work_done(&w);
}

static void says_what_is_wrong(void **state)
{
	(void)state;
	ends("bad-empty-file.zip", RMG_E_FORMAT, 0, 0);
	ends("bad-cut.zip", RMG_E_FORMAT, 0, 0);
	ends("bad-several-volumes.zip", RMG_E_UNSUPPORTED, 0, 0);
	ends("bad-directory-row.zip", RMG_OK, RMG_E_FORMAT, RMG_OK);
	ends("bad-count.zip", RMG_OK, RMG_E_FORMAT, RMG_OK);
	ends("bad-encrypted.zip", RMG_OK, RMG_OK, RMG_E_UNSUPPORTED);
	ends("bad-method-bzip2.zip", RMG_OK, RMG_OK, RMG_OK); /* "alpha" does not shrink: stored */
	ends("bad-crc.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
	ends("bad-length-short.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
	ends("bad-length-long.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
	ends("bad-length-huge.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
	ends("bad-name-differs.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
	ends("bad-offset.zip", RMG_OK, RMG_OK, RMG_E_FORMAT);
}

static void refuses_other_methods(void **state)
{
	struct zip_work w = zip_work(1 << 20);
	struct zip_data d;
	struct zip_entry e;
	struct zip z;
	struct zip_iter it;

	(void)state;
	assert_int_equal(zip_open(load("bad-method-bzip2.zip"), &z, NULL), RMG_OK);
	it = zip_iter(&z);
	assert_true(zip_next(&it, &e) && zip_next(&it, &e));
	assert_int_equal(zip_read(&z, &e, &w, &d, NULL), RMG_E_UNSUPPORTED);
	zip_work_done(&w);
}

static void budget_bounds_what_is_read(void **state)
{
	struct zip_work w = zip_work(12);
	struct zip_data d;
	struct zip_entry e;
	struct zip z;
	struct zip_iter it;

	(void)state;
	assert_int_equal(zip_open(load("ok-infozip-stored.zip"), &z, NULL), RMG_OK);
	it = zip_iter(&z);
	assert_true(zip_next(&it, &e));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(zip_read(&z, &e, &w, &d, NULL), RMG_OK);
		assert_null(d.held); /* in place */
		zip_data_done(&d);
	}
	assert_int_equal(zip_read(&z, &e, &w, &d, NULL), RMG_E_LIMIT);
	zip_work_done(&w);
}

/* An archive of n empty members named alike, as the JDK before 7 wrote it: count modulo 65536. */
static struct span many(size_t n)
{
	enum { LOCAL = 31, CENTRAL = 47 };
	size_t size = LOCAL + n * CENTRAL + 22;
	uint8_t *p = calloc(1, size), *at = p + LOCAL;

	assert_non_null(p);
	memcpy(p, "PK\3\4", 4);
	p[26] = 1;
	p[30] = 'x';
	for (size_t i = 0; i < n; i++, at += CENTRAL) {
		memcpy(at, "PK\1\2", 4);
		at[28] = 1;
		at[46] = 'x';
	}
	memcpy(at, "PK\5\6", 4);
	at[8] = at[10] = (uint8_t)n;
	at[9] = at[11] = (uint8_t)(n >> 8);
	for (unsigned i = 0; i < 4; i++)
		at[12 + i] = (uint8_t)(n * CENTRAL >> 8 * i);
	at[16] = LOCAL;
	return span_of(p, size);
}

static double list_seconds(size_t n)
{
	struct span bytes = many(n);
	struct timespec began, ended;
	struct zip_entry e;
	struct zip z;
	struct zip_iter it;

	assert_int_equal(zip_open(bytes, &z, NULL), RMG_OK);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &began);
	it = zip_iter(&z);
	while (zip_next(&it, &e))
		;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
	assert_int_equal(zip_end(&it, NULL), RMG_OK);
	assert_int_equal(it.n, n);
	free((void *)(uintptr_t)bytes.p);
	return (double)(ended.tv_sec - began.tv_sec) +
	       (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
}

static void listing_is_linear(void **state)
{
	double once = list_seconds(100000), four = list_seconds(400000);

	(void)state;
	print_message("100,000 members: %.1f ms, 400,000: %.1f ms\n", once * 1e3, four * 1e3);
	assert_true(four < once * 12 + 0.02);
}

static void more_members_than_the_limit(void **state)
{
	struct span bytes = many((size_t)LIMIT_ZIP_ENTRIES + 1);
	struct zip_entry e;
	struct zip z;
	struct zip_iter it;

	(void)state;
	assert_int_equal(zip_open(bytes, &z, NULL), RMG_OK);
	it = zip_iter(&z);
	while (zip_next(&it, &e))
		;
	assert_int_equal(zip_end(&it, NULL), RMG_E_LIMIT);
	free((void *)(uintptr_t)bytes.p);
}

/* Blocks that unpack to nothing: their bytes count all the same, so that many members that lie in
 * one place cannot have them read again and again. */
static void packed_bytes_count(void **state)
{
	static uint8_t p[4096];
	struct zip_entry e = {.name = S("x"), .method = 8, .packed_bytes = 1000};
	struct zip z = {.bytes = span_of(p, sizeof(p))};
	struct zip_work w = zip_work(1999);
	struct zip_data d;

	(void)state;
	memcpy(p, "PK\3\4", 4);
	p[26] = 1;
	p[30] = 'x';
	for (size_t i = 0; i < 1000; i += 5) { /* stored blocks of length 0, the last one marked */
		p[31 + i] = i == 995;
		p[31 + i + 3] = p[31 + i + 4] = 0xff;
	}
	assert_int_equal(zip_read(&z, &e, &w, &d, NULL), RMG_OK);
	zip_data_done(&d);
	assert_int_equal(zip_read(&z, &e, &w, &d, NULL), RMG_E_LIMIT);
	zip_work_done(&w);
}

/* Where nothing but end records is: each one is looked at once. */
static void end_records_only(void **state)
{
	size_t n = 65536 + 22;
	uint8_t *p = calloc(1, n);
	struct zip z;

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i + 22 <= n; i += 22) {
		memcpy(p + i, "PK\5\6", 4);
		p[i + 8] = p[i + 10] = 1;
	}
	assert_int_equal(zip_open(span_of(p, n), &z, NULL), RMG_E_FORMAT);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_the_tools_write),
	    cmocka_unit_test(says_what_is_wrong),
	    cmocka_unit_test(refuses_other_methods),
	    cmocka_unit_test(budget_bounds_what_is_read),
	    cmocka_unit_test(listing_is_linear),
	    cmocka_unit_test(more_members_than_the_limit),
	    cmocka_unit_test(end_records_only),
	    cmocka_unit_test(packed_bytes_count),
	};

	return cmocka_run_group_tests_name("zip", tests, NULL, NULL);
}
