/* SPDX-License-Identifier: Apache-2.0 */
/* rpmdb_test.c - damage and hostility; that whole databases are read as rpm reads them is for the
 * cataloger's cases (testdata/catalog/rpm). The databases here are the samples of the fuzzer. */
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/rpmdb.h"
#include "format/rpmdb_header.h"

struct seen {
	unsigned headers, lost;
	uint64_t bytes;
};

static void header(void *user, struct span blob)
{
	struct seen *seen = user;

	seen->headers++;
	seen->bytes += blob.n;
}

static void lost(void *user, enum rmg_rc rc, const char *what, uint64_t where)
{
	struct seen *seen = user;

	(void)what;
	(void)where;
	assert_int_not_equal(rc, RMG_OK);
	seen->lost++;
}

static enum rmg_rc walk(struct span file, struct seen *seen)
{
	struct rpmdb_sink sink = {.user = seen, .header = header, .lost = lost};
	struct arena scratch;
	enum rmg_rc rc;

	*seen = (struct seen){0};
	arena_init(&scratch, MIB(256));
	rc = rpmdb_walk(file, &scratch, &sink);
	arena_done(&scratch);
	return rc;
}

/* A sample, to be changed and freed by the caller. */
static uint8_t *sample(const char *name, size_t *n)
{
	const char *testdata = getenv("TESTDATA");
	char path[500];
	uint8_t *bytes;
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "%s/format/rpmdb/%s", testdata ? testdata : "testdata", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	*n = fread(bytes, 1, (size_t)st.st_size, f);
	assert_int_equal(*n, st.st_size);
	fclose(f);
	return bytes;
}

static const char *const samples[] = {"ok-bdb-big", "ok-bdb-little", "ok-ndb", "ok-sqlite-512"};

/* Cut anywhere: never fewer headers without a word. */
static void truncation_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		struct seen whole, part;
		size_t n;
		uint8_t *bytes = sample(samples[i], &n);

		assert_int_equal(walk(span_of(bytes, n), &whole), RMG_OK);
		assert_int_equal(whole.headers, 3);
		assert_int_equal(whole.lost, 0);
		for (size_t cut = 0; cut < n; cut += 61) {
			enum rmg_rc rc = walk(span_of(bytes, cut), &part);

			assert_true(part.headers <= whole.headers);
			assert_true(rc != RMG_OK || part.lost || part.headers == whole.headers);
		}
		free(bytes);
	}
}

/* Every header that a page lost is told, and the others are read. */
static void wiped_page_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		struct seen whole, part;
		size_t n;
		uint8_t *bytes = sample(samples[i], &n), saved[512];

		assert_int_equal(walk(span_of(bytes, n), &whole), RMG_OK);
		/* A header's own bytes may be wiped without a word here: the cataloger will see. */
		for (size_t at = 512; at + 512 <= n; at += 512) {
			memcpy(saved, bytes + at, 512);
			memset(bytes + at, 0xff, 512);
			(void)!walk(span_of(bytes, n), &part);
			assert_true(part.headers + part.lost > 0);
			memcpy(bytes + at, saved, 512);
		}
		free(bytes);
	}
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

/* A hash page full of items that all name one long chain, which leads back into itself. */
static uint8_t *hostile_bdb(size_t pages, size_t *n)
{
	const unsigned entries = 200;
	uint8_t *file = calloc(pages, 4096), *page;

	assert_non_null(file);
	*n = pages * 4096;
	put32(file + 12, 0x00061561);
	put32(file + 20, 4096);
	file[25] = 8;
	put32(file + 32, (uint32_t)pages - 1);
	for (size_t i = 1; i < pages; i++) {
		page = file + i * 4096;
		if (i % 2 == 0) {
			page[25] = 7;
			put32(page + 16, i + 2 < pages ? (uint32_t)i + 2 : 2);
			put16(page + 22, 4070);
			continue;
		}
		page[25] = 13;
		put16(page + 20, entries);
		for (unsigned k = 0; k < entries; k++) {
			unsigned at = 4096 - 12 * (k + 1);

			put16(page + 26 + 2 * k, at);
			page[at] = k % 2 ? 3 : 1;
			put32(page + at + 4, 2);
			put32(page + at + 8, (uint32_t)*n / 4);
		}
	}
	return file;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void shared_chains_stay_linear(void **state)
{
	struct seen seen;
	size_t n;

	(void)state;
	for (size_t pages = 256; pages <= 4096; pages *= 4) {
		uint8_t *file = hostile_bdb(pages, &n);
		double begin = seconds();

		assert_int_equal(walk(span_of(file, n), &seen), RMG_OK);
		assert_true(seen.bytes <= 2 * (uint64_t)n);
		assert_true(seen.lost > 0);
		assert_true(seconds() - begin < 2);
		free(file);
	}
}

static void nonsense_is_an_error(void **state)
{
	struct seen seen;

	(void)state;
	assert_int_equal(walk(S(""), &seen), RMG_E_FORMAT);
	assert_int_equal(walk(S("no database at all, but some text"), &seen), RMG_E_FORMAT);
	assert_int_equal(walk(S("SQLite format 3\0"), &seen), RMG_E_FORMAT);
	assert_int_equal(walk(S("RpmP\0\0\0\0\0\0\0\0\0\0\0\0"), &seen), RMG_E_FORMAT);
	assert_int_equal(walk(S("RpmP\1\0\0\0\0\0\0\0\1\0\0\0"), &seen), RMG_E_UNSUPPORTED);
}

/* Index entries: name; arch outside of the store; the name again, as after a region. */
static void header_values(void **state)
{
	struct span blob = S("\0\0\0\4\0\0\0\x14"
			     "\0\0\3\xe8\0\0\0\6\0\0\0\0\0\0\0\1"
			     "\0\0\3\xfe\0\0\0\6\0\0\0\x63\0\0\0\1"
			     "\0\0\3\xe8\0\0\0\6\0\0\0\4\0\0\0\1"
			     "\0\0\3\xeb\0\0\0\4\0\0\0\x10\0\0\0\1"
			     "old\0new\0xxxxxxxx\0\0\0\7");
	struct rpm_header h;
	uint32_t epoch;

	(void)state;
	assert_int_equal(rpm_header_read(blob, &h), RMG_OK);
	assert_true(h.damaged);
	assert_true(span_is(rpm_header_text(&h, RPM_NAME), S("new")));
	assert_true(span_is(rpm_header_text(&h, RPM_ARCH), S("")));
	assert_true(rpm_header_number(&h, RPM_EPOCH, 0, &epoch));
	assert_int_equal(epoch, 7);
	assert_false(rpm_header_number(&h, RPM_EPOCH, 1, &epoch));
	assert_int_equal(rpm_header_read(span_head(blob, blob.n - 1), &h), RMG_E_FORMAT);
	assert_int_equal(rpm_header_read(S("\0\0\0\0\0\0\0\0"), &h), RMG_E_FORMAT);
	assert_int_equal(rpm_header_read(S("\0\1\0\0\0\0\0\0"), &h), RMG_E_FORMAT);
}

static void source_names(void **state)
{
	struct span name, version;

	(void)state;
	assert_true(rpm_source_cut(S("glibc-2.34-60.el9.src.rpm"), &name, &version));
	assert_true(span_is(name, S("glibc")) && span_is(version, S("2.34-60.el9")));
	assert_true(rpm_source_cut(S("a-b-1-2.nosrc.rpm"), &name, &version));
	assert_true(span_is(name, S("a-b")) && span_is(version, S("1-2")));
	assert_false(rpm_source_cut(S("(none)"), &name, &version));
	assert_false(rpm_source_cut(S("a-1.src.rpm"), &name, &version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(truncation_is_told),
	    cmocka_unit_test(wiped_page_is_told),
	    cmocka_unit_test(shared_chains_stay_linear),
	    cmocka_unit_test(nonsense_is_an_error),
	    cmocka_unit_test(header_values),
	    cmocka_unit_test(source_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
